// The actors of the workloads. Each is a function that gives a behaviour: lambdas that CAF picks by the types
// of a message, whose first value is an atom, its kind. This is how CAF's own manual writes event-based
// actors.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include <caf/all.hpp>

#if CAF_VERSION < 1700 || CAF_VERSION >= 1800
#error "This program is for CAF 0.17, which Debian has. Later ones name atoms another way."
#endif

using caf::actor;
using caf::atom;
using caf::atom_constant;
using caf::behavior;
using caf::event_based_actor;
using caf::stateful_actor;

using add_atom = atom_constant<atom("add")>;
using ask_atom = atom_constant<atom("ask")>;
using count_atom = atom_constant<atom("count")>;
using event_atom = atom_constant<atom("event")>;
using go_atom = atom_constant<atom("go")>;
using hop_atom = atom_constant<atom("hop")>;
using next_atom = atom_constant<atom("next")>;
using ping_atom = atom_constant<atom("ping")>;
using pong_atom = atom_constant<atom("pong")>;

constexpr int burst_length = 1024;
constexpr int big_actors = 200;

// Sends as many messages as it is told, to each of the targets in turn, in one loop.
inline behavior flood(event_based_actor* self, std::vector<actor> targets) {
  return {[self, targets](go_atom, int size) {
    for (int index = 0; index < size; ++index)
      self->send(targets[index % targets.size()], add_atom::value, 1);
  }};
}

// Counts, and tells when it has counted so far.
inline behavior counter(event_based_actor* self, int until, actor main) {
  return {[self, until, main, count = 0](add_atom, int n) mutable {
    count += n;
    if (count == until)
      self->send(main, count_atom::value, count);
  }};
}

// Sends a burst in a turn, then itself a message to go on.
inline behavior producer(event_based_actor* self, actor target) {
  return {[self, target](go_atom, int left) {
    int many = std::min(left, burst_length);
    for (int index = 0; index < many; ++index)
      self->send(target, add_atom::value, 1);
    if (left > many)
      self->send(self, go_atom::value, left - many);
  }};
}

// Returns every ping, and serves again after every pong but the last. A message names its sender in its
// envelope.
inline behavior player(event_based_actor* self, int until, actor main) {
  return {
    [](ping_atom) { return pong_atom::value; },
    [self, until, main, pongs = 0](pong_atom) mutable {
      if (++pongs == until) {
        self->send(main, count_atom::value, pongs);
        return;
      }
      self->send(caf::actor_cast<actor>(self->current_sender()), ping_atom::value);
    },
    [self](go_atom, const actor& other) { self->send(other, ping_atom::value); },
  };
}

// Passes the token on, or tells its own index when no hop is left.
inline behavior link(event_based_actor* self, int index, actor main) {
  return {[=](next_atom, const actor& next) {
    self->become([=](hop_atom, int left) {
      if (left == 0)
        self->send(main, count_atom::value, index);
      else
        self->send(next, hop_atom::value, left - 1);
    });
  }};
}

struct neighbour_state {
  std::vector<actor> others;
  bool begun = false;
  int rounds = 0;
  int received = 0;
};

// Begins the next round of big when every message of those before it has come.
inline void play(stateful_actor<neighbour_state>* self, int size) {
  auto& state = self->state;
  if (!state.begun || state.rounds == size || state.received < state.rounds * (big_actors - 1))
    return;
  ++state.rounds;
  for (auto& other : state.others)
    self->send(other, add_atom::value, 1);
}

inline behavior neighbour(stateful_actor<neighbour_state>* self, int size, actor main) {
  return {
    [self](next_atom, const actor& other) { self->state.others.push_back(other); },
    [self, size](go_atom) {
      self->state.begun = true;
      play(self, size);
    },
    [self, size, main](add_atom, int n) {
      self->state.received += n;
      play(self, size);
      if (self->state.received == size * (big_actors - 1))
        self->send(main, count_atom::value, self->state.received);
    },
  };
}

// Counts in one atomic number that all actors of create share: to tell another would cost a second message
// for each.
inline behavior one_of_many(event_based_actor* self, std::atomic<int>* handled, int size, actor main) {
  return {[=](add_atom, int n) {
    int total = handled->fetch_add(n) + n;
    if (total == size)
      self->send(main, count_atom::value, total);
  }};
}

inline behavior successor(event_based_actor*) {
  return {[](ask_atom, int x) { return x + 1; }};
}

struct asker_state {
  actor target;
  actor main;
  int left = 0;
  int x = 0;
};

// Asks with the last answer. Without a deadline: CAF keeps each in a clock, which would cost more.
inline void ask_next(stateful_actor<asker_state>* self) {
  auto& state = self->state;
  if (state.left-- == 0) {
    self->send(state.main, count_atom::value, state.x);
    return;
  }
  self->request(state.target, caf::infinite, ask_atom::value, state.x).then([self](int reply) {
    self->state.x = reply;
    ask_next(self);
  });
}

inline behavior asker(stateful_actor<asker_state>* self, actor target, actor main) {
  self->state.target = target;
  self->state.main = main;
  return {[self](go_atom, int times) {
    self->state.left = times;
    ask_next(self);
  }};
}

// Tells every subscriber one event in a turn, then itself a message to go on.
inline behavior publisher(event_based_actor* self, std::vector<actor> subscribers) {
  return {[self, subscribers](go_atom, int left) {
    for (auto& subscriber : subscribers)
      self->send(subscriber, event_atom::value, left);
    if (left > 1)
      self->send(self, go_atom::value, left - 1);
  }};
}

inline behavior subscriber(event_based_actor* self, int until, actor main) {
  return {[self, until, main, count = 0](event_atom, int) mutable {
    if (++count == until)
      self->send(main, count_atom::value, count);
  }};
}
