// What a step computes, followed on numbers: no model, no clock.
#include "engine/schedule.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>

#include "check.h"

using namespace bitnet;

namespace {

// Prompts and running sequences as an engine would list them.
struct Requests {
  std::vector<StepCandidate> list;
  Callers callers;
  uint64_t arrival = 0;

  void add(size_t tokens, bool decodes, const std::string& caller = "", int32_t priority = 0) {
    list.push_back({.job = nullptr,
                    .remaining = tokens,
                    .decodes = decodes,
                    .priority = priority,
                    .caller = callers.enter(caller),
                    .arrival = arrival++});
  }
  // What each was given, in the order of arrival.
  std::vector<size_t> step(StepRoom room) {
    for (StepCandidate& candidate : list)
      candidate.take = 0;
    share_step(list, room);
    std::sort(list.begin(), list.end(),
              [](const StepCandidate& a, const StepCandidate& b) { return a.arrival < b.arrival; });
    std::vector<size_t> given;
    for (const StepCandidate& candidate : list)
      given.push_back(candidate.take);
    return given;
  }
  // Takes away what was computed, and who is done.
  void advance() {
    for (StepCandidate& candidate : list)
      candidate.remaining -= candidate.take;
    for (StepCandidate& candidate : list)
      if (candidate.remaining == 0)
        callers.leave(candidate.caller);
    std::erase_if(list, [](const StepCandidate& candidate) { return candidate.remaining == 0; });
  }
};

std::string text(const std::vector<size_t>& numbers) {
  std::string text;
  for (size_t number : numbers)
    text += (text.empty() ? "" : " ") + std::to_string(number);
  return text;
}

} // namespace

TEST("running sequences come first, and prompts get what is left of the room for them") {
  Requests requests;
  requests.add(300, false);
  for (size_t drafted : {1, 4, 1})
    requests.add(drafted, true);
  CHECK_EQ(text(requests.step({.all = 512, .prompts = 40})), "40 1 4 1", "");
  CHECK_EQ(text(requests.step({.all = 512, .prompts = 0})), "0 1 4 1", "");
  CHECK_EQ(text(requests.step({.all = 512, .prompts = 512})), "300 1 4 1", "");
}

TEST("where running sequences fill a step, those that came first go first and a prompt goes on") {
  Requests requests;
  for (size_t i = 0; i < 10; ++i)
    requests.add(1, true);
  CHECK_EQ(text(requests.step({.all = 4, .prompts = 4})), "1 1 1 1 0 0 0 0 0 0", "");
  requests.add(30, false);
  CHECK_EQ(text(requests.step({.all = 4, .prompts = 8})), "1 1 0 0 0 0 0 0 0 0 2", "");
}

TEST("of one caller's prompts the oldest gets half, and the shortest the other half") {
  Requests requests;
  requests.add(1000, false);
  requests.add(500, false);
  requests.add(20, false);
  requests.add(400, false);
  CHECK_EQ(text(requests.step({.all = 512, .prompts = 32})), "16 0 16 0", "");
  requests.advance();
  CHECK_EQ(text(requests.step({.all = 512, .prompts = 32})), "16 0 4 12", "what it leaves");
  Requests equal;
  for (size_t i = 0; i < 3; ++i)
    equal.add(100, false);
  CHECK_EQ(text(equal.step({.all = 512, .prompts = 32})), "32 0 0", "one after the other");
}

TEST("lower priorities are served first") {
  Requests requests;
  requests.add(100, false, "a", 0);
  requests.add(100, false, "b", -1);
  requests.add(30, false, "c", 5);
  CHECK_EQ(text(requests.step({.all = 512, .prompts = 64})), "0 64 0", "");
  requests.advance();
  CHECK_EQ(text(requests.step({.all = 512, .prompts = 64})), "28 36 0", "");
  requests.advance();
  CHECK_EQ(text(requests.step({.all = 512, .prompts = 512})), "72 30", "");
}

TEST("callers get the same number of tokens, however many prompts each has") {
  Requests requests;
  std::map<std::string, size_t> got;
  for (size_t i = 0; i < 20; ++i)
    requests.add(1000, false, "many");
  requests.add(5000, false, "one");
  requests.add(3000, false, "another");
  for (size_t step = 0; step < 90; ++step) {
    requests.step({.all = 512, .prompts = 40});
    for (const StepCandidate& candidate : requests.list)
      got[candidate.caller->name] += candidate.take;
    requests.advance();
  }
  for (const auto& [name, tokens] : got)
    CHECK(tokens > 1200 - 40 && tokens < 1200 + 40, name + " " + std::to_string(tokens));
  // Tokens of running sequences count too.
  for (size_t step = 0; step < 50; ++step) {
    requests.add(8, true, "one");
    requests.step({.all = 512, .prompts = 8});
    for (const StepCandidate& candidate : requests.list)
      if (!candidate.decodes)
        got[candidate.caller->name] += candidate.take;
    requests.advance();
  }
  CHECK(got["one"] < 1200 + 40, std::to_string(got["one"]));
}

TEST("a caller who was idle is lifted to the others, and gets no more than they") {
  Requests requests;
  requests.add(10'000, false, "busy");
  for (size_t step = 0; step < 20; ++step) {
    requests.step({.all = 512, .prompts = 100});
    requests.advance();
  }
  requests.add(10'000, false, "late");
  CHECK_EQ(requests.list[1].caller->served, uint64_t{2000}, "");
  CHECK_EQ(text(requests.step({.all = 512, .prompts = 64})), "32 32", "");
}

TEST("callers are remembered while they have had more than others, and not without end") {
  Callers callers;
  Caller* a = callers.enter("a");
  Caller* b = callers.enter("b");
  a->served = 100;
  b->served = 10;
  callers.leave(a);
  CHECK_EQ(callers.enter("a")->served, uint64_t{100}, "it had more");
  callers.leave(b);
  CHECK_EQ(callers.size(), size_t{1}, "it had less, and would be lifted");
  b = callers.enter("b"); // another one: it was forgotten
  CHECK_EQ(b->served, uint64_t{100}, "it is");
  for (size_t i = 0; i < 3 * kIdleCallers; ++i) {
    Caller* caller = callers.enter(std::to_string(i));
    caller->served += 1000;
    callers.leave(caller);
  }
  CHECK(callers.size() <= kIdleCallers + 2, std::to_string(callers.size()));
  callers.leave(callers.enter("a"));
  callers.leave(a);
  callers.leave(callers.enter("b"));
  callers.leave(b);
  CHECK_EQ(callers.size(), size_t{0}, "nobody is active");
}

TEST("models get engine time by their shares, and one that was idle does not catch up") {
  Turns turns[] = {Turns(1), Turns(2), Turns(1)};
  const double steps[] = {0.010, 0.030, 0.002};
  double used[3] = {}, now = 0;
  const auto run = [&](size_t count, size_t idle) {
    for (size_t i = 0; i < count; ++i) {
      Turns* next = nullptr;
      for (Turns& each : turns) {
        const bool active = static_cast<size_t>(&each - turns) != idle;
        each.set_active(active, now);
        if (active && (!next || each.time() < next->time()))
          next = &each;
      }
      now = std::max(now, next->time());
      next->took(steps[next - turns]);
      used[next - turns] += steps[next - turns];
    }
  };
  run(5000, 3);
  CHECK(used[1] > 1.98 * used[0] && used[1] < 2.02 * used[0], "twice the share");
  CHECK(used[2] > 0.98 * used[0] && used[2] < 1.02 * used[0], "the same share");
  run(1000, 0);
  const double before[] = {used[0], used[1], used[2]};
  run(2000, 3);
  const double first = used[0] - before[0], second = used[1] - before[1];
  CHECK(second > 1.9 * first && second < 2.1 * first, "from where the others are");
}

TEST("the cost of a step is the median of its last ones, and grows evenly between sizes") {
  StepCost cost;
  CHECK_EQ(cost.seconds(1), 0.0, "nothing is known");
  CHECK_EQ(cost.tokens(1, 512), size_t{0}, "");
  for (double seconds : {0.010, 0.500, 0.011, 0.009, 0.010})
    cost.add(1, seconds);
  CHECK_EQ(cost.seconds(1), 0.010, "a disturbed step says nothing");
  CHECK_EQ(cost.seconds(100), 0.010, "more take as long at least");
  CHECK_EQ(cost.tokens(0.035, 512), size_t{2}, "twice what was measured");
  CHECK_EQ(cost.tokens(0.001, 512), size_t{1}, "at least one");
  for (size_t i = 0; i < 5; ++i)
    cost.add(512, 0.610);
  CHECK(std::abs(cost.seconds(129) - 0.160294) < 1e-5, std::to_string(cost.seconds(129)));
  CHECK_EQ(cost.tokens(0.035, 512), size_t{22}, "on the line between both");
  CHECK_EQ(cost.tokens(9, 512), size_t{512}, "");
  // Sixteen tokens that took longer than a token sixteen times were disturbed.
  for (size_t i = 0; i < 5; ++i)
    cost.add(16, 9);
  CHECK_EQ(cost.seconds(16), 0.160, "");
}

TEST("steps beside running sequences find their target on machines of any kind") {
  struct Machine {
    const char* name;
    double least, token, overhead; // milliseconds
  };
  for (const Machine machine : {Machine{"bound by memory", 10, 1.4, 0},
                                {"by arithmetic", 1, 5, 28},
                                {"many cores", 8, 0.05, 1},
                                {"tiny model", 0.02, 0.004, 0.01}}) {
    std::mt19937 random(5);
    const auto run = [&](size_t tokens) { // with noise, and now and then another program
      const double noise = 0.95 + 0.1 * static_cast<double>(random() % 1000) / 1000;
      const double time =
          std::max(machine.least, machine.overhead + machine.token * static_cast<double>(tokens));
      return time * noise * (random() % 20 == 0 ? 4 : 1) / 1000;
    };
    for (const size_t running : {size_t{1}, size_t{6}}) {
      StepPace pace;
      CHECK_EQ(pace.prompt_room(running, pace.target(running), 512), size_t{0},
               "the first step tells what one takes");
      for (size_t i = 0; i < 20; ++i)
        pace.ran(running, 0, run(running));
      const double target = pace.target(running);
      const double truth =
          std::max(machine.least, machine.overhead + machine.token * static_cast<double>(running)) /
          1000;
      CHECK(target > 3.2 * truth && target < 3.8 * truth, machine.name);
      size_t late = 0, prompts = 0;
      for (size_t i = 0; i < 200; ++i) {
        const size_t room = pace.prompt_room(running, target, 512);
        const double ideal = machine.overhead + machine.token * static_cast<double>(room + running);
        late += ideal / 1000 > 1.2 * target && room > kLeastPrompt;
        if (i >= 100)
          prompts += room;
        pace.ran(running, room, run(room + running));
      }
      const double fits =
          (1000 * target - machine.overhead) / machine.token - static_cast<double>(running);
      CHECK(late <= 5, std::string(machine.name) + ": late " + std::to_string(late));
      CHECK(static_cast<double>(prompts) > 80 * std::min(fits, 500.0),
            std::string(machine.name) + ": " + std::to_string(prompts) + " tokens, " +
                std::to_string(fits) + " fit");
    }
  }
}

TEST("a target that is asked for holds for any number of running sequences") {
  StepPace pace(0.050);
  CHECK_EQ(pace.target(1), 0.050, "");
  CHECK_EQ(pace.target(9), 0.050, "");
  CHECK_EQ(pace.prompt_room(1, pace.target(1), 512), kLeastPrompt, "nothing is known");
  for (size_t i = 0; i < 5; ++i)
    pace.ran(1, 8, 0.200);
  CHECK_EQ(pace.prompt_room(1, pace.target(1), 512), kLeastPrompt, "it is out of reach");
}
