// Package esl is FreeSWITCH's event socket: programs that were written for it control a [control.Switch] as they
// are, in any language that has a client library.
//
// A [Server] is what clients connect to (inbound mode), and the application "socket", by which a channel connects to
// a program (outbound mode). A [Client] is the other side.
//
//	server, err := esl.New(esl.Config{Switch: sw, Password: "…"})
//	go server.ListenAndServe("") // 127.0.0.1:8021
//
// # What clients can say
//
// Replies are those of mod_event_socket, octet for octet, where there is no reason to say something else.
//
//	auth PASSWORD                       wrong: answered late, then the connection ends; tries are counted by address
//	userauth                            refused
//	exit
//	api COMMAND                         answered with api/response
//	bgapi COMMAND                       Job-UUID of the client's is kept; BACKGROUND_JOB has the answer
//	event plain|json|xml NAMES          ALL; CUSTOM is followed by subclasses
//	nixevent NAMES, noevents
//	filter [add] HEADER VALUE           +VALUE, -VALUE (must not match), /expression/ (RE2's syntax)
//	filter delete all|HEADER [VALUE]
//	myevents [UUID] [FORMAT]            and the connection ends with the channel
//	divert_events on|off
//	log [LEVEL], nolog                  what goes through a [Log]
//	linger [SECONDS], nolinger
//	sendevent NAME                      handed to all; SEND_MESSAGE and SEND_INFO with uuid are sent within that call,
//	                                    others are for Config.OnEvent (see TextMessageOf)
//	sendmsg [UUID]                      call-command execute (execute-app-name, execute-app-arg or a body, loops, event-lock,
//	                                    async, Event-UUID), hangup (hangup-cause), xferext; unicast and nomedia are refused
//	connect, resume, getvar NAME        in outbound mode
//
// In outbound mode without "full" there are only connect, resume, getvar, filter, myevents, divert_events, sendmsg for
// its own channel, and exit. Without "async", sendmsg is answered when the application is done.
//
// # API commands
//
//	originate hupall conference (list, mute, unmute, deaf, undeaf, kick)
//	uuid_answer uuid_audio uuid_break uuid_bridge uuid_broadcast uuid_deflect uuid_displace uuid_dual_transfer uuid_dump uuid_exists
//	uuid_flush_dtmf uuid_getvar uuid_hold uuid_kill uuid_park uuid_pre_answer uuid_record uuid_recv_dtmf uuid_ring_ready
//	uuid_send_dtmf uuid_send_info uuid_send_message uuid_setvar uuid_setvar_multi uuid_transfer break
//	show channels|calls|bridged_calls|registrations|api|application|codec|modules|tasks [count] [as csv|json|xml|delim]
//	sofia status [gateway [NAME]|profile NAME [reg|user …]], sofia_contact
//	sched_api sched_broadcast sched_del sched_hangup sched_transfer unsched_api
//	status uptime version hostname switchname fsctl help log reloadxml reloadacl module_exists msleep strftime
//	create_uuid echo eval expand bgapi global_getvar global_setvar url_encode url_decode cond md5 regex tolower toupper
//
// Others are Config.Commands, which also replace these, and all that is unknown gets "-ERR NAME Command not found!".
//
// # Limits
//
// A client that does not read stalls nobody: events wait in a queue of its own, what is beyond is lost and counted, and
// who loses too much or doesn't read for WriteTimeout is cut. Only networks of Config.Allow get as far as the password.
//
// # Limitations
//
// What differs from FreeSWITCH (Config.Deny and Config.OnEvent are for what should differ more):
//   - an outbound connection without "full" cannot send messages to other channels
//   - a password is the only way to log in: there is no directory of users
//   - without event-lock, applications that take no time (set, break, hangup, record_session, …) work while another one
//     does, as there; others wait until it is done, where FreeSWITCH lets them interrupt it
//   - linger without a time ends after Config.MaxLinger
//   - ${function(args)} is expanded for functions of control.Config.Functions alone; regular expressions are RE2's
//   - uuid_audio needs a bridge, and ends with it; uuid_media is refused: media always goes through
//   - sofia profile NAME rescan and the like are refused: reloadxml does what Config.Reload says
package esl
