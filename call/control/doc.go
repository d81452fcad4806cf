// Package control steers calls as users of FreeSWITCH know it, without its wire: channels by UUID, with variables and
// applications, dial strings, hangup causes, and events under FreeSWITCH's names. Front ends (an event socket, HTTP) stand
// on it, and so may programs:
//
//	var sw *control.Switch
//	agent, err := call.NewAgent(call.Config{OnCall: func(c *call.Call) { sw.Serve(c) }})
//	sw, err = control.New(control.Config{Agent: agent, Dialplan: dialplan, Sounds: "sounds"})
//	…
//	c, err := sw.OriginateString(ctx, "{ignore_early_media=true}sofia/external/bob@192.0.2.7 &playback(welcome.wav)")
//
// # Channels
//
// A [Channel] is one leg. It has a goroutine, which does one thing after the other: applications that were queued
// ([Channel.Queue], [Channel.Execute]), else those of its extension ([Config].Dialplan), else it waits, if it is parked or
// bridged, and else it hangs up with NORMAL_CLEARING. The applications park, bridge, sleep, conference, and those that call
// [Channel.Serve], do what is queued while they wait; all others are finished first, or broken off ([Channel.Break]).
// Nothing of this ever holds up media: files are read ahead, and written behind, by goroutines of their own.
//
// # Applications
//
//	answer  pre_answer  ring_ready  hangup [CAUSE]  respond CODE [REASON]  redirect URI,…  deflect URI
//	set NAME=VALUE  unset NAME  multiset [^^:]N=V:…  multiunset  export [nolocal:]NAME=VALUE  set_global NAME=VALUE
//	playback NAME  endless_playback NAME  loop_playback [+N] NAME  gentones SCRIPT[|LOOPS]  (tone is the same)
//	play_and_get_digits MIN MAX TRIES TIMEOUT_MS TERMINATORS FILE INVALID_FILE VARIABLE [REGEXP [DIGIT_TIMEOUT_MS [TO]]]
//	read MIN MAX FILE VARIABLE TIMEOUT_MS TERMINATORS [DIGIT_TIMEOUT_MS]  send_dtmf KEYS[@MS]  flush_dtmf
//	say MODULE[:LANGUAGE] NUMBER|ITEMS|TELEPHONE_NUMBER|NAME_SPELLED|… PRONOUNCED|ITERATED|COUNTED [GENDER] TEXT
//	record FILE [LIMIT_S [LEVEL [SILENCE_S]]]  record_session FILE [+LIMIT_S]  stop_record_session FILE|all
//	record_session_mask FILE  record_session_unmask  record_session_pause  record_session_resume
//	displace_session FILE [mlr] [+LIMIT_S]  stop_displace_session FILE
//	bridge DIALSTRING  transfer [-bleg|-both] EXTENSION [DIALPLAN [CONTEXT]]  execute_extension  park  sleep MS
//	conference NAME[+PIN][+flags{mute|deaf}]  three_way UUID  eavesdrop UUID  intercept [-bleg] UUID  echo
//	hold  unhold  break [all]  sched_hangup +SECONDS [CAUSE]  event NAME=VALUE,…  log [LEVEL] TEXT  info
//
// Arguments are expanded: ${name}, ${name:offset:length}, $${global}, ${function(args)} (see Config.Functions).
// [Switch.Handle] adds applications.
//
// # Names of sounds
//
// Files are WAV (PCM, A-law, mu-law), .amr and .awb at 8, 16 or 48 kHz, below the folder Config.Sounds, or that of
// recordings; where a name is not there, it is looked for in the folders 8000, 16000 … beside it. {vol=DB} in front
// changes the volume. Other names are
//
//	tone_stream://%(1000,4000,425);loops=-1    see [ParseTones]
//	silence_stream://MS[,NOISE]                -1 is without end
//	file_string://a.wav!b.wav                  one after the other
//	local_stream://FOLDER                      all files of a folder, again and again, for each channel from the beginning
//
// What is recorded goes to a file below Config.Recordings (.wav, .amr, .awb), or is uploaded by Config.Spool where the
// name is http://(file=NAME.wav,method=POST,name=FIELD)host/path; the method is PUT if nothing is said.
//
// # Variables
//
// Read: absolute names of the caller ID (effective_caller_id_name, _number; origination_caller_id_name, _number,
// origination_callee_id_…, origination_uuid, origination_privacy), originate_timeout, originate_retries,
// originate_retry_sleep_ms, call_timeout, leg_timeout, leg_delay_start, leg_progress_timeout, progress_timeout,
// ignore_early_media, bridge_early_media, ringback, transfer_ringback, instant_ringback, hangup_after_bridge,
// park_after_bridge, transfer_after_bridge, continue_on_fail, transfer_on_fail, fail_on_single_reject, export_vars,
// group_confirm_key (a key, or exec), group_confirm_file, group_confirm_read_timeout,
// execute_on_{answer,pre_answer,ring,media,bridge}, api_on_{answer,ring,media,hangup}, api_hangup_hook,
// api_reporting_hook, loopback_export,
// playback_terminators, playback_delimiter, sound_prefix, write_volume, RECORD_STEREO, record_sample_rate, sip_h_…,
// sip_cid_type=pid, sip_auto_answer, sip_from_uri, sip_from_display, sip_invite_domain, verbose_events.
//
// Set: uuid, call_uuid, direction, caller_id_…, destination_number, channel_name, sip_from_…, sip_to_…, sip_req_…,
// sip_contact_…, sip_call_id, sip_user_agent, sip_network_ip and _port, sip_P-Asserted-Identity, sip_h_X-… and sip_h_P-…,
// sip_term_status, sip_hangup_disposition, hangup_cause, hangup_cause_q850, originate_disposition, DIALSTATUS,
// bridge_uuid, signal_bond, last_bridge_to, last_bridge_hangup_cause, bridge_hangup_cause, read_codec, write_codec,
// read_rate, write_rate, local_media_ip, remote_media_ip and ports, current_application, current_application_data and
// _response, playback_ms, playback_terminator_used, read_result, read_terminator_used, record_ms, record_seconds,
// record_samples, transfer_source, conference_…; at the end duration, billsec and their kin, start, answer, end,
// progress, progress_media and bridge with _stamp, _epoch and _uepoch, rtp_audio_in_packet_count,
// rtp_audio_out_packet_count.
//
// # Events
//
// CHANNEL_CREATE, OUTGOING, STATE, CALLSTATE, PROGRESS, PROGRESS_MEDIA, ANSWER, ORIGINATE, EXECUTE, EXECUTE_COMPLETE,
// BRIDGE, UNBRIDGE, HOLD, UNHOLD, PARK, UNPARK, HANGUP, HANGUP_COMPLETE and DESTROY; DTMF, PLAYBACK_START and STOP,
// RECORD_START and STOP, RECV_INFO, MESSAGE, CUSTOM (conference::maintenance and those of the application event),
// HEARTBEAT, SHUTDOWN. All but STATE, CALLSTATE and DTMF have the variables. [Switch.Watch] gives them in order;
// whoever is too slow loses some.
//
// # Conformance
//
//   - Q.850 causes and SIP status codes as RFC 3398 sections 7.2.4.1 and 8.2.6.1 have them, with FreeSWITCH's choice where
//     that differs (480 is NO_USER_RESPONSE, 88 is 488, 21 is 603), see [Cause]
//   - RFC 3326: the cause goes into BYE, CANCEL and refusals as Reason, and is read from theirs
//   - Dial strings and arguments as FreeSWITCH 1.10 documents them: {} <> [] variables with quotes, backslashes and ^^,
//     simultaneous and sequential legs, whole dial strings at once (:_:), loopback/EXTENSION/CONTEXT, early media
//     that wins where ignore_early_media does not say else
//
// # Differences from FreeSWITCH, and limitations
//
// What is queued on a channel that plays something waits until that is over; FreeSWITCH plays it at once, unless event-lock
// says else. During uuid_broadcast to one leg of a bridge the other leg goes on to hear it. An early leg does not run the
// extension of originate when it is only ringing (ring_ready). There is no text-to-speech and no video, say puts numbers
// together in English alone and knows neither dates nor money; sounds are not fetched by HTTP; there is no
// bind_meta_app. Codecs are those of the agent, or of the Target. A loopback call speaks PCMA between its ends, and
// is never taken out of the way (loopback_bowout).
package control
