%% Takes the time of one workload of bench/workloads.ts and prints it: erl -noshell -run bench main WORKLOAD SIZE RUNS
-module(bench).
-export([main/1]).

main(["version"]) ->
    io:format("OTP ~s (erts ~s, ~s)~n", [
        erlang:system_info(otp_release),
        erlang:system_info(version),
        erlang:system_info(emu_flavor)
    ]),
    halt(0);
main([Name, Digits, Runs]) ->
    Size = list_to_integer(Digits),
    {_, _, _, Actors} = run(Name, (Size + 4) div 5),
    stop(Actors),
    {ElapsedNs, Check, Also} = least(Name, Size, list_to_integer(Runs)),
    io:format("{\"elapsedMs\": ~.6f, \"check\": ~b~s}~n", [ElapsedNs / 1.0e6, Check, json(Also)]),
    halt(0).

%% The fastest of several runs, all of which must come to the same.
least(Name, Size, Runs) ->
    [{_, Check, _} = Fastest | Others] = lists:keysort(1, [once(Name, Size) || _ <- lists:seq(1, Runs)]),
    true = lists:all(fun({_, Other, _}) -> Other =:= Check end, Others),
    Fastest.

once(Name, Size) ->
    {ElapsedNs, Check, Also, Actors} = run(Name, Size),
    stop(Actors),
    {ElapsedNs, Check, Also}.

%% Each measurement has a process of its own for the code outside any actor, with a heap that nobody has used before.
run(Name, Size) ->
    Main = self(),
    spawn_link(fun() -> Main ! {outcome, outcome(Name, Size)} end),
    receive
        {outcome, Outcome} -> Outcome
    end.

outcome("create", Size) ->
    BeforeBytes = erlang:memory(total),
    {ElapsedNs, Check, Actors} = workloads:create(Size),
    lists:foreach(fun erlang:garbage_collect/1, [self() | Actors]),
    BytesPerActor = (erlang:memory(total) - BeforeBytes) / Size,
    {ElapsedNs, Check, [{"bytesPerActor", BytesPerActor}], Actors};
outcome(Name, Size) ->
    {ElapsedNs, Check, Actors} = apply(workloads, list_to_atom(Name), [Size]),
    {ElapsedNs, Check, [], Actors}.

%% Ends the actors of a run, and waits until they are gone.
stop(Actors) ->
    lists:foreach(
        fun(Actor) ->
            erlang:monitor(process, Actor),
            exit(Actor, kill)
        end,
        Actors
    ),
    lists:foreach(
        fun(_) ->
            receive
                {'DOWN', _, process, _, _} -> ok
            end
        end,
        Actors
    ).

json([]) ->
    "";
json(Also) ->
    Fields = [io_lib:format("\"~s\": ~.1f", [Name, Value]) || {Name, Value} <- Also],
    [", \"also\": {", lists:join(", ", Fields), "}"].
