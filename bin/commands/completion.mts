import { Argument, Command } from 'commander';
import { candidates } from '../completion.mjs';
import { Output } from '../output.mjs';

const examples = `
Examples:
  eval "$(bitnet completion bash)"     in ~/.bashrc
  eval "$(bitnet completion zsh)"      in ~/.zshrc, after compinit
  bitnet completion fish > ~/.config/fish/completions/bitnet.fish`;

/** The script of each shell, which asks `bitnet complete`. A line of only ":" means file names. */
const scripts = {
  bash: `_bitnet() {
  local word about current="\${COMP_WORDS[COMP_CWORD]}"
  [ "$current" = = ] && current=
  COMPREPLY=()
  while IFS=$'\\t' read -r word about; do
    if [ "$word" != : ]; then
      COMPREPLY+=("$word")
      continue
    fi
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
  done < <("$1" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _bitnet bitnet`,
  zsh: `#compdef bitnet
_bitnet() {
  local line files
  local -a found
  while IFS= read -r line; do
    if [[ $line == : ]]; then files=1
    else found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}"); fi
  done < <($words[1] complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#found )) && _describe -t values bitnet found
  [[ -n $files ]] && _files
}
if [[ $funcstack[1] == _bitnet ]]; then _bitnet "$@"; else compdef _bitnet bitnet; fi`,
  fish: `function __bitnet_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = :
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c bitnet -f -a '(__bitnet_complete)'`,
} as const;

/** `bitnet completion`: a script that lets a shell complete what is typed. */
export function completionCommand(): Command {
  const shells = Object.keys(scripts);
  return new Command('completion')
    .description('Print a shell completion script.')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText('after', examples)
    .action((shell: keyof typeof scripts) => new Output().script(scripts[shell]));
}

/** `bitnet complete -- words…`: what these scripts call; the last word is the one to complete. */
export function completeCommand(): Command {
  return new Command('complete')
    .argument('[words...]')
    .action(async (words: readonly string[], _: object, command: Command) => {
      const found = await candidates(command.parent!, words);
      if (found.length > 0) await new Output().script(found.join('\n'));
    });
}
