#!/usr/bin/env escript
%% -*- erlang -*-
%% A Diameter node of Erlang/OTP's application diameter, for the tests. Its argument is a file of terms:
%%
%%   {host, "otp.example"}.  {realm, "example"}.
%%   {transport, listen, [{port, 3868}, {ip, {127,0,0,1}}]}.   % or connect, with raddr and rport
%%   {sctp, true}.  {inband, [0, 1]}.
%%   {redirect, ["aaa://host.example"]}.                       % answer so, instead of serving
%%   {overload, 40}.                                           % report so many percent
%%
%% It serves accounting (application 3), prints what happens, and takes commands from its standard input:
%%
%%   call REALM COUNT
-mode(compile).
-export([peer_up/3, peer_down/3, pick_peer/4, prepare_request/3, prepare_retransmit/3, handle_answer/4, handle_error/4, handle_request/3]).

-define(SVC, node).
-define(ACCT, diameter_gen_acct_rfc6733).
-define(DOIC, diameter_gen_doic_rfc7683).

%% As in diameter.hrl, which Debian has in another package.
-record(diameter_avp, {code, vendor_id, is_mandatory = false, need_encryption = false, data, name, value, type, index}).
-record(diameter_packet, {header, avps, msg, bin, errors = [], transport_data}).
-record(diameter_header, {version, length, cmd_code, application_id, hop_by_hop_id, end_to_end_id, is_request, is_proxiable, is_error, is_retransmitted}).

main([File]) ->
    {ok, Terms} = file:consult(File),
    [persistent_term:put(T, proplists:get_value(T, Terms)) || T <- [host, realm, redirect, overload]],
    ok = application:load(diameter),
    {ok, _} = application:ensure_all_started(ssl),
    ok = diameter:start(),
    true = diameter:subscribe(?SVC),
    Main = self(),
    spawn_link(fun() -> lines(Main) end),
    Inband = proplists:get_value(inband, Terms, [0]),
    Dictionary = case persistent_term:get(redirect) of undefined -> ?ACCT; _ -> diameter_gen_relay end,
    Apps = case Dictionary of ?ACCT -> [{'Acct-Application-Id', [3]}]; _ -> [{'Auth-Application-Id', [16#ffffffff]}] end,
    ok = diameter:start_service(?SVC,
        [{'Origin-Host', persistent_term:get(host)},
         {'Origin-Realm', persistent_term:get(realm)},
         {'Vendor-Id', 193}, {'Product-Name', "OTP"},
         {'Inband-Security-Id', Inband},
         {decode_format, map}, {string_decode, false},
         {avp_dictionaries, [?DOIC]},
         {application, [{alias, acct}, {dictionary, Dictionary}, {module, ?MODULE}, {answer_errors, callback}]}] ++ Apps),
    Module = case proplists:get_value(sctp, Terms) of true -> diameter_sctp; _ -> diameter_tcp end,
    [{ok, _} = diameter:add_transport(?SVC, {Role, [{transport_module, Module}, {transport_config, Config},
        {connect_timer, 3000}, {watchdog_timer, 6000}, {watchdog_config, [{okay, 0}]}]}) || {transport, Role, Config} <- Terms],
    say("started"),
    loop().

loop() ->
    receive
        {line, eof} -> diameter:stop_service(?SVC), halt(0);
        {line, Line} ->
            case string:lexemes(string:trim(Line), " ") of
                ["call", Realm, Count] -> [call(Realm) || _ <- lists:seq(1, list_to_integer(Count))];
                ["stop"] -> diameter:stop_service(?SVC), say("stopped");
                _ -> say("what? ~s", [Line])
            end,
            loop();
        {diameter_event, _, Event} ->
            say("event ~0P", [Event, 12]),
            loop()
    end.

lines(Main) ->
    Line = io:get_line(""),
    Main ! {line, Line},
    case Line of eof -> ok; _ -> lines(Main) end.

say(Format) -> say(Format, []).
say(Format, Args) -> io:format(Format ++ "~n", Args).

call(Realm) ->
    ACR = ['ACR', {'Session-Id', diameter:session_id(persistent_term:get(host))},
           {'Destination-Realm', Realm}, {'Accounting-Record-Type', 1}, {'Accounting-Record-Number', 0}],
    case diameter:call(?SVC, acct, ACR, []) of
        {ok, {Code, Reports}} -> say("answer ~p ~0p", [Code, Reports]);
        Other -> say("failed ~0P", [Other, 30])
    end.

peer_up(_, _, S) -> S.
peer_down(_, _, S) -> S.
pick_peer([Peer | _], _, _, _) -> {ok, Peer};
pick_peer(_, _, _, _) -> false.

origin() -> [{'Origin-Host', persistent_term:get(host)}, {'Origin-Realm', persistent_term:get(realm)}].

prepare_request(#diameter_packet{msg = ['ACR' | Avps]}, _, _) ->
    Features = #diameter_avp{name = 'OC-Supported-Features', value = #{'OC-Feature-Vector' => [1]}},
    {send, ['ACR' | Avps ++ origin() ++ [{'AVP', [Features]}]]}.
prepare_retransmit(Packet, _, _) -> {send, Packet}.

handle_answer(#diameter_packet{msg = [_ | #{'Result-Code' := Code} = M]}, _, _, _) ->
    {ok, {Code, [V || #diameter_avp{name = 'OC-OLR', value = V} <- maps:get('AVP', M, [])]}};
handle_answer(Packet, _, _, _) -> {error, Packet}.
handle_error(Reason, _, _, _) -> {error, Reason}.

handle_request(#diameter_packet{header = H, msg = Msg, avps = Avps} = Packet, _, _) ->
    say("request ~p T ~p ~p octets", [H#diameter_header.cmd_code, H#diameter_header.is_retransmitted, byte_size(Packet#diameter_packet.bin)]),
    case persistent_term:get(redirect) of
        undefined -> answer(Msg);
        Hosts -> redirect(Hosts, Avps)
    end.

redirect(Hosts, Avps) ->
    Session = [D || #diameter_avp{code = 263, data = D} <- lists:flatten(Avps)],
    Extra = [#diameter_avp{code = 292, is_mandatory = true, data = list_to_binary(H)} || H <- Hosts]
        ++ [#diameter_avp{code = 261, is_mandatory = true, data = <<3:32>>}, #diameter_avp{code = 262, is_mandatory = true, data = <<60:32>>}],
    {reply, ['answer-message', {'Result-Code', 3006}, {'Session-Id', Session}, {'AVP', Extra} | origin()]}.

answer(['ACR' | #{'Session-Id' := Sid, 'Accounting-Record-Type' := Type, 'Accounting-Record-Number' := Number}]) ->
    Doic = case persistent_term:get(overload) of
        undefined -> [];
        Percent ->
            [#diameter_avp{name = 'OC-Supported-Features', value = #{'OC-Feature-Vector' => [1]}},
             #diameter_avp{name = 'OC-OLR', value = #{'OC-Sequence-Number' => 1, 'OC-Report-Type' => 0,
                'OC-Reduction-Percentage' => [Percent], 'OC-Validity-Duration' => [3600]}}]
    end,
    {reply, ['ACA', {'Session-Id', Sid}, {'Result-Code', 2001}, {'Accounting-Record-Type', Type},
             {'Accounting-Record-Number', Number}, {'AVP', Doic} | origin()]}.
