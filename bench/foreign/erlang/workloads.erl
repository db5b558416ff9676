%% Workloads of bench/workloads.ts in Erlang. An actor is a process that receives in a tail call, and a message is a
%% tuple with its kind first: what every Erlang program is made of, and what gen_server itself is written in. Without
%% gen_server between, since a plain process is faster. Processes are spawned with their usual heaps and flags.
%%
%% Code outside any actor is a process as well: there is no other code. Each workload gives how long it took in
%% nanoseconds, its check, and the actors that it leaves.
-module(workloads).
-export([count/1, burst/1, pingPong/1, ring/1, big/1, bigKept/1, forkJoin/1, create/1, askOne/1, askMany/1, publish/1]).

-define(BURST_LENGTH, 1024).
-define(RING_LENGTH, 503).
-define(BIG_ACTORS, 200).
-define(FORK_JOIN_ACTORS, 60).
-define(ASKS_IN_FLIGHT, 1000).
-define(SUBSCRIBERS, 1000).
-define(ASK_TIMEOUT_MS, 5000).

count(Size) ->
    Main = self(),
    Counter = spawn(fun() -> counter(0, Size, Main) end),
    timed([Counter], fun() ->
        flood(Counter, Size),
        sum_counts(1)
    end).

flood(_, 0) ->
    ok;
flood(Counter, Left) ->
    Counter ! {add, 1},
    flood(Counter, Left - 1).

%% Counts, and tells when it has counted so far.
counter(Until, Until, Main) ->
    Main ! {count, Until},
    idle();
counter(Count, Until, Main) ->
    receive
        {add, N} -> counter(Count + N, Until, Main)
    end.

%% An actor that has done its work stays, until it is told to stop.
idle() ->
    receive
        stop -> ok
    end.

burst(Size) ->
    Main = self(),
    Counter = spawn(fun() -> counter(0, Size, Main) end),
    Producer = spawn(fun() -> producer(Counter, Size) end),
    timed([Counter, Producer], fun() ->
        Producer ! go,
        sum_counts(1)
    end).

producer(_, 0) ->
    idle();
producer(Counter, Left) ->
    receive
        go ->
            Many = min(Left, ?BURST_LENGTH),
            flood(Counter, Many),
            self() ! go,
            producer(Counter, Left - Many)
    end.

pingPong(Size) ->
    Main = self(),
    One = spawn(fun() -> player(0, Size, Main) end),
    Other = spawn(fun() -> player(0, Size, Main) end),
    timed([One, Other], fun() ->
        Other ! {ping, One},
        sum_counts(1)
    end).

player(Until, Until, Main) ->
    Main ! {count, Until},
    idle();
player(Pongs, Until, Main) ->
    receive
        {ping, From} ->
            From ! {pong, self()},
            player(Pongs, Until, Main);
        {pong, From} when Pongs + 1 < Until ->
            From ! {ping, self()},
            player(Pongs + 1, Until, Main);
        {pong, _} ->
            player(Pongs + 1, Until, Main)
    end.

ring(Size) ->
    Main = self(),
    Last = spawn(fun() -> last_link(Main) end),
    Links = lists:foldl(
        fun(Index, [Next | _] = Made) -> [spawn(fun() -> link(Index, Next, Main) end) | Made] end,
        [Last],
        lists:seq(?RING_LENGTH - 2, 0, -1)
    ),
    First = hd(Links),
    Last ! {next, First},
    timed(Links, fun() ->
        First ! {hop, Size},
        sum_counts(1)
    end).

%% The ring closes where the last one learns who is first.
last_link(Main) ->
    receive
        {next, First} -> link(?RING_LENGTH - 1, First, Main)
    end.

link(Index, Next, Main) ->
    receive
        {hop, 0} -> Main ! {count, Index};
        {hop, Left} -> Next ! {hop, Left - 1}
    end,
    link(Index, Next, Main).

big(Size) ->
    Main = self(),
    Actors = [spawn(fun() -> neighbour(Size, Main) end) || _ <- lists:seq(1, ?BIG_ACTORS)],
    _ = [Actor ! {others, lists:delete(Actor, Actors)} || Actor <- Actors],
    timed(Actors, fun() ->
        _ = [Actor ! go || Actor <- Actors],
        sum_counts(?BIG_ACTORS)
    end).

%% Every process has all others at hand.
bigKept(Size) ->
    big(Size).

neighbour(Size, Main) ->
    receive
        {others, Others} ->
            receive
                go -> Main ! {count, rounds(Size, Others, 0)}
            end,
            idle()
    end.

rounds(0, _, Received) ->
    Received;
rounds(Left, Others, Received) ->
    _ = [Other ! {add, 1} || Other <- Others],
    rounds(Left - 1, Others, receive_adds(?BIG_ACTORS - 1, Received)).

receive_adds(0, Received) ->
    Received;
receive_adds(Left, Received) ->
    receive
        {add, N} -> receive_adds(Left - 1, Received + N)
    end.

forkJoin(Size) ->
    Main = self(),
    Quota = fun(Index) -> (Size + ?FORK_JOIN_ACTORS - 1 - Index) div ?FORK_JOIN_ACTORS end,
    Actors = [
        spawn(fun() -> counter(0, Quota(Index), Main) end)
     || Index <- lists:seq(0, ?FORK_JOIN_ACTORS - 1)
    ],
    timed(Actors, fun() ->
        fork(Actors, Actors, Size),
        sum_counts(?FORK_JOIN_ACTORS)
    end).

fork(_, _, 0) ->
    ok;
fork([], Actors, Left) ->
    fork(Actors, Actors, Left);
fork([Actor | Rest], Actors, Left) ->
    Actor ! {add, 1},
    fork(Rest, Actors, Left - 1).

%% The actors count in one atomic number that all share, and the last tells: faster than a second message from each.
create(Size) ->
    Main = self(),
    Handled = atomics:new(1, []),
    Started = erlang:monotonic_time(nanosecond),
    Actors = [spawn_told(Handled, Size, Main) || _ <- lists:seq(1, Size)],
    Check = sum_counts(1),
    {erlang:monotonic_time(nanosecond) - Started, Check, Actors}.

spawn_told(Handled, Size, Main) ->
    Actor = spawn(fun() -> one_of_many(Handled, Size, Main) end),
    Actor ! {add, 1},
    Actor.

one_of_many(Handled, Size, Main) ->
    receive
        {add, N} ->
            Total = atomics:add_get(Handled, 1, N),
            if
                Total =:= Size -> Main ! {count, Total};
                true -> ok
            end,
            one_of_many(Handled, Size, Main)
    end.

askOne(Size) ->
    Adder = spawn(fun adder/0),
    timed([Adder], fun() -> asker(Adder, Size, 0) end).

askMany(Size) ->
    Main = self(),
    Adder = spawn(fun adder/0),
    Times = Size div ?ASKS_IN_FLIGHT,
    timed([Adder], fun() ->
        Loop = fun() -> Main ! {count, asker(Adder, Times, 0)} end,
        _ = [spawn(Loop) || _ <- lists:seq(1, ?ASKS_IN_FLIGHT)],
        sum_counts(?ASKS_IN_FLIGHT)
    end).

asker(_, 0, X) -> X;
asker(Adder, Left, X) -> asker(Adder, Left - 1, ask(Adder, X)).

%% A fresh reference for each question, and a deadline: the textbook form. gen_server:call watches the server as well,
%% which costs more.
ask(Server, X) ->
    Reference = make_ref(),
    Server ! {ask, self(), Reference, X},
    receive
        {Reference, Reply} -> Reply
    after ?ASK_TIMEOUT_MS -> error(timeout)
    end.

adder() ->
    receive
        {ask, From, Reference, X} ->
            From ! {Reference, X + 1},
            adder()
    end.

%% The publisher keeps its subscribers in a list: pg and gen_event would do the same with a table or a process between.
publish(Size) ->
    Main = self(),
    Subscribers = [
        spawn(fun() -> subscriber(0, Size, Main) end)
     || _ <- lists:seq(1, ?SUBSCRIBERS)
    ],
    Publisher = spawn(fun() -> publisher(Subscribers, Size) end),
    timed([Publisher | Subscribers], fun() ->
        Publisher ! go,
        sum_counts(?SUBSCRIBERS)
    end).

publisher(_, 0) ->
    idle();
publisher(Subscribers, Left) ->
    receive
        go ->
            Event = {event, Left},
            _ = [Subscriber ! Event || Subscriber <- Subscribers],
            self() ! go,
            publisher(Subscribers, Left - 1)
    end.

subscriber(Until, Until, Main) ->
    Main ! {count, Until},
    idle();
subscriber(Count, Until, Main) ->
    receive
        {event, _} -> subscriber(Count + 1, Until, Main)
    end.

timed(Actors, Work) ->
    Started = erlang:monotonic_time(nanosecond),
    Check = Work(),
    {erlang:monotonic_time(nanosecond) - Started, Check, Actors}.

sum_counts(Many) -> sum_counts(Many, 0).

sum_counts(0, Sum) ->
    Sum;
sum_counts(Left, Sum) ->
    receive
        {count, Count} -> sum_counts(Left - 1, Sum + Count)
    end.
