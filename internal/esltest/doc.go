// Package esltest has client libraries for FreeSWITCH's event socket, which others wrote, drive package call/esl: real
// calls over real sockets. It is a module of its own, so that nobody who imports the library gets them too.
//
// The tests run against a switch of their own, or, where TELCO_ESL names a port (127.0.0.1:8021), against a program
// that runs: its password is TELCO_ESL_PASSWORD, the SIP address for calls to extensions TELCO_ESL_SIP, the folder that
// it records to TELCO_ESL_RECORDINGS. Its dialplan has to lead syncPORT and asyncPORT to "socket 127.0.0.1:PORT" and
// "socket 127.0.0.1:PORT async full".
package esltest
