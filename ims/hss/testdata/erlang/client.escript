#!/usr/bin/env escript
%% -*- erlang -*-
%% S-CSCF, application server and MME in one node of Erlang's diameter, for the tests. Arguments: port of the HSS, folder of the
%% dictionaries. On its standard input come requests, terms of a line each:
%%
%%   {sh, ['UDR', {'User-Identity', [{'Public-Identity', ["sip:a@ims.example"]}]}, {'Data-Reference', [11]}]}.
%%
%% What it can know itself (Session-Id, Origin-Host ...) is added. It prints answers, and the requests of the HSS, which it
%% answers with success.
-mode(compile).
-export([peer_up/3, peer_down/3, pick_peer/4, prepare_request/3, prepare_retransmit/3, handle_answer/4, handle_error/4, handle_request/3]).

-define(SVC, client).
-define(HOST, "node.ims.example").
-define(REALM, "ims.example").

%% As in diameter.hrl, which Debian has in another package.
-record(diameter_packet, {header, avps, msg, bin, errors = [], transport_data}).

apps() -> [{cx, scscf_cx, 16777216}, {sh, as_sh, 16777217}, {s6a, mme_s6a, 16777251}].

main([Port, Dir]) ->
    [compile(filename:join(Dir, atom_to_list(Name) ++ ".dia")) || {Name, _, _} <- apps()],
    ok = application:load(diameter),
    ok = diameter:start(),
    true = diameter:subscribe(?SVC),
    Main = self(),
    spawn_link(fun() -> lines(Main) end),
    ok = diameter:start_service(?SVC,
        [{'Origin-Host', ?HOST}, {'Origin-Realm', ?REALM}, {'Vendor-Id', 193}, {'Product-Name', "OTP"}, {'Supported-Vendor-Id', [10415]},
         {'Vendor-Specific-Application-Id', [[{'Vendor-Id', 10415}, {'Auth-Application-Id', [Id]}] || {_, _, Id} <- apps()]},
         {decode_format, map}, {string_decode, false}]
        ++ [{application, [{alias, Name}, {dictionary, Module}, {module, ?MODULE}, {answer_errors, callback}, {request_errors, callback}]} || {Name, Module, _} <- apps()]),
    {ok, _} = diameter:add_transport(?SVC, {connect, [{transport_module, diameter_tcp}, {connect_timer, 2000}, {watchdog_timer, 6000}, {watchdog_config, [{okay, 0}]},
        {transport_config, [{raddr, {127,0,0,1}}, {rport, list_to_integer(Port)}]}]}),
    loop().

compile(File) ->
    {ok, Text} = file:read_file(File),
    {ok, [Forms]} = diameter_make:codec(binary_to_list(Text), [return, forms]),
    {ok, Module, Beam} = compile:forms(Forms, []),
    {module, Module} = code:load_binary(Module, File, Beam).

loop() ->
    receive
        {line, eof} -> diameter:stop_service(?SVC), halt(0);
        {line, Line} ->
            {ok, Tokens, _} = erl_scan:string(Line),
            {ok, {App, Request}} = erl_parse:parse_term(Tokens),
            spawn_link(fun() -> io:format("~0p~n", [diameter:call(?SVC, App, {App, Request}, [])]) end),
            loop();
        {diameter_event, _, Event} ->
            io:format("event ~0P~n", [Event, 8]),
            loop()
    end.

lines(Main) ->
    Line = io:get_line(""),
    Main ! {line, Line},
    case Line of eof -> ok; _ -> lines(Main) end.

peer_up(_, _, S) -> S.
peer_down(_, _, S) -> S.
pick_peer([Peer | _], _, _, _) -> {ok, Peer};
pick_peer(_, _, _, _) -> false.

common(Id) ->
    Group = [{'Vendor-Id', 10415}, {'Auth-Application-Id', [Id]}],
    [{'Vendor-Specific-Application-Id', case Id of 16777251 -> [Group]; _ -> Group end}, % optional in S6a: a list of groups
     {'Auth-Session-State', 1}, {'Origin-Host', ?HOST}, {'Origin-Realm', ?REALM}].

prepare_request(#diameter_packet{msg = {App, [Name | Avps]}}, _, _) ->
    {App, _, Id} = lists:keyfind(App, 1, apps()),
    {send, [Name, {'Session-Id', diameter:session_id(?HOST)} | common(Id)] ++ [{'Destination-Realm', ?REALM} | Avps]}.
prepare_retransmit(Packet, _, _) -> {send, Packet}.

handle_answer(#diameter_packet{msg = Answer, errors = Errors}, _, _, _) -> {answer, Answer, Errors}.
handle_error(Reason, Request, _, _) -> {failed, Reason, Request}.

handle_request(#diameter_packet{msg = [Name | #{'Session-Id' := Session} = Avps], errors = Errors}, _, _) ->
    io:format("request ~0p~n", [{Name, Avps, Errors}]),
    {Answer, Id} = case Name of 'PNR' -> {'PNA', 16777217}; 'RTR' -> {'RTA', 16777216}; 'PPR' -> {'PPA', 16777216} end,
    {reply, [Answer, {'Session-Id', Session}, {'Result-Code', 2001} | common(Id)]}.
