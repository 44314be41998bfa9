"""Writes into constructs.json what Python's Jinja2 makes of each of its templates, or its error.

The environment is that of transformers (utils/chat_template_utils.py). Needs `pip install jinja2`; run
by hand when templates are added: python3 test/jinja/judge.py
"""

import json
import pathlib

import jinja2.ext
from jinja2 import TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

PATH = pathlib.Path(__file__).with_name("constructs.json")


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def judged(source, context):
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols],
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    try:
        return {"text": environment.from_string(source).render(**context)}
    except Exception as error:
        return {"error": str(error)}


fixture = json.loads(PATH.read_text("utf-8"))
for case in fixture["cases"]:
    name, source = case["name"], case["source"]
    case.clear()
    case.update(name=name, source=source, **judged(source, fixture["context"]))
PATH.write_text(json.dumps(fixture, indent=2, ensure_ascii=False) + "\n", "utf-8")
