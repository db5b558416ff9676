// Workloads of bench/workloads.ts with CAF, the C++ Actor Framework: `program WORKLOAD SIZE RUNS`. CAF_THREADS in
// the environment is how many threads the scheduler has.
//
// Code outside any actor is an actor as well, as it is in Erlang and Go. It then runs on the threads of the
// scheduler and not on one more, and asks without going to sleep: the blocking actor that the main thread has
// would take some 40 times as long for each, so it only waits for the end.
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "actors.hpp"

constexpr int ring_length = 503;
constexpr int fork_join_actors = 60;
constexpr int asks_in_flight = 1000;
constexpr int subscribers = 1000;

struct outcome {
  double elapsed_ms = 0;
  int check = 0;
  double bytes_per_actor = -1;
};

// What a workload needs: the system, and the main thread's own actor, to which counts are told.
struct bench {
  caf::actor_system& system;
  caf::scoped_actor main;

  actor self() {
    return caf::actor_cast<actor>(main);
  }

  // Begins with one message, and takes the time until so many actors have told their count.
  template <class... Ts> outcome timed(int many, const std::vector<actor>& begin, Ts... message) {
    auto started = std::chrono::steady_clock::now();
    for (auto& one : begin)
      main->send(one, message...);
    return told(many, started);
  }

  outcome told(int many, std::chrono::steady_clock::time_point started) {
    int sum = 0;
    int index = 0;
    main->receive_for(index, many)([&](count_atom, int count) { sum += count; });
    std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - started;
    return {elapsed.count(), sum};
  }

  template <class Function, class... Ts>
  std::vector<actor> spawn_many(int many, Function function, Ts... values) {
    std::vector<actor> actors;
    for (int index = 0; index < many; ++index)
      actors.push_back(system.spawn(function, values...));
    return actors;
  }

  // Actors that know each other keep each other alive.
  void stop(const std::vector<actor>& actors) {
    for (auto& one : actors)
      main->send_exit(one, caf::exit_reason::user_shutdown);
  }
};

outcome count(bench& b, int size) {
  auto target = b.system.spawn(counter, size, b.self());
  auto sender = b.system.spawn(flood, std::vector<actor>{target});
  return b.timed(1, {sender}, go_atom::value, size);
}

outcome burst(bench& b, int size) {
  auto target = b.system.spawn(counter, size, b.self());
  auto sender = b.system.spawn(producer, target);
  return b.timed(1, {sender}, go_atom::value, size);
}

outcome ping_pong(bench& b, int size) {
  auto one = b.system.spawn(player, size, b.self());
  auto other = b.system.spawn(player, size, b.self());
  return b.timed(1, {one}, go_atom::value, other);
}

outcome ring(bench& b, int size) {
  std::vector<actor> links;
  for (int index = 0; index < ring_length; ++index)
    links.push_back(b.system.spawn(link, index, b.self()));
  for (int index = 0; index < ring_length; ++index)
    b.main->send(links[index], next_atom::value, links[(index + 1) % ring_length]);
  auto result = b.timed(1, {links[0]}, hop_atom::value, size);
  b.stop(links);
  return result;
}

outcome big(bench& b, int size) {
  auto actors = b.spawn_many(big_actors, neighbour, size, b.self());
  for (auto& one : actors)
    for (auto& other : actors)
      if (one != other)
        b.main->send(one, next_atom::value, other);
  auto result = b.timed(big_actors, actors, go_atom::value);
  b.stop(actors);
  return result;
}

outcome fork_join(bench& b, int size) {
  std::vector<actor> targets;
  int begun = std::min(size, fork_join_actors);
  for (int index = 0; index < fork_join_actors; ++index)
    targets.push_back(
      b.system.spawn(counter, (size + fork_join_actors - 1 - index) / fork_join_actors, b.self()));
  auto sender = b.system.spawn(flood, targets);
  return b.timed(begun, {sender}, go_atom::value, size);
}

double bytes_of_heap() {
  auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

// The main thread makes the actors, so this workload has one thread more than the scheduler. It is to CAF's
// advantage: two threads that steal from each other what an actor makes take many times as long.
outcome create(bench& b, int size) {
  double before = bytes_of_heap();
  std::atomic<int> handled{0};
  std::vector<actor> actors;
  actors.reserve(size);
  auto started = std::chrono::steady_clock::now();
  for (int index = 0; index < size; ++index) {
    actors.push_back(b.system.spawn(one_of_many, &handled, size, b.self()));
    b.main->send(actors.back(), add_atom::value, 1);
  }
  auto result = b.told(1, started);
  result.bytes_per_actor = (bytes_of_heap() - before) / size;
  return result;
}

outcome ask_one(bench& b, int size) {
  auto target = b.system.spawn(successor);
  auto sender = b.system.spawn(asker, target, b.self());
  return b.timed(1, {sender}, go_atom::value, size);
}

outcome ask_many(bench& b, int size) {
  auto target = b.system.spawn(successor);
  auto senders = b.spawn_many(asks_in_flight, asker, target, b.self());
  return b.timed(asks_in_flight, senders, go_atom::value, size / asks_in_flight);
}

outcome publish(bench& b, int size) {
  auto targets = b.spawn_many(subscribers, subscriber, size, b.self());
  auto sender = b.system.spawn(publisher, targets);
  return b.timed(subscribers, {sender}, go_atom::value, size);
}

const std::map<std::string, outcome (*)(bench&, int)> workloads{
  {"count", count},      {"burst", burst},        {"pingPong", ping_pong}, {"ring", ring},
  {"big", big},          {"bigKept", big},       {"forkJoin", fork_join}, {"create", create},      {"askOne", ask_one},
  {"askMany", ask_many}, {"publish", publish},
};

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == std::string("version")) {
    std::printf("CAF %d.%d.%d (g++ %s)\n", CAF_MAJOR_VERSION, CAF_MINOR_VERSION, CAF_PATCH_VERSION,
                __VERSION__);
    return 0;
  }
  if (argc != 4 || workloads.count(argv[1]) == 0) {
    std::fprintf(stderr, "give a workload, a size and how many runs, or version\n");
    return 1;
  }
  caf::actor_system_config config;
  auto threads = std::getenv("CAF_THREADS");
  config.set("scheduler.max-threads", static_cast<size_t>(threads == nullptr ? 1 : std::atoi(threads)));
  caf::actor_system system{config};
  bench b{system, caf::scoped_actor{system}};
  auto run = workloads.at(argv[1]);
  int size = std::atoi(argv[2]);
  run(b, (size + 4) / 5);
  auto result = run(b, size);
  for (int times = 1; times < std::atoi(argv[3]); ++times) {
    auto next = run(b, size);
    if (next.check != result.check) {
      std::fprintf(stderr, "one run came to %d, another to %d\n", result.check, next.check);
      return 1;
    }
    if (next.elapsed_ms < result.elapsed_ms)
      result = next;
  }
  std::printf("{\"elapsedMs\": %f, \"check\": %d", result.elapsed_ms, result.check);
  if (result.bytes_per_actor >= 0)
    std::printf(", \"also\": {\"bytesPerActor\": %f}", result.bytes_per_actor);
  std::printf("}\n");
  std::fflush(stdout);
  std::_Exit(0); // to end a million actors one by one would take longer than the measurement
}
