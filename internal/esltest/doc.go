// Package esltest has client libraries for FreeSWITCH's event socket, which others wrote, drive package call/esl: real
// calls over real sockets. It is a module of its own, so that nobody who imports the library gets them too.
//
// Each test runs against a switch of its own and against the program examples/as. Where TELCO_ESL names a port
// (127.0.0.1:8021), it runs against the program there instead: its password is TELCO_ESL_PASSWORD, the SIP address for
// calls to extensions TELCO_ESL_SIP, the folder that it records to TELCO_ESL_RECORDINGS. Its dialplan has to lead
// syncPORT and asyncPORT to "socket 127.0.0.1:PORT" and "socket 127.0.0.1:PORT async full".
//
// modesl (Node.js) is fetched by npm, or taken from the folder that TELCO_MODESL names. TELCO_FS_CLI names one with
// FreeSWITCH's fs_cli, built from its source.
package esltest
