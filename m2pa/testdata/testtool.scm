;;; What nplab's m2pa-testtool needs to run on guile 3: SCTP by way of libsctp, octets in
;;; bytevectors, and a closed association that is no message. Arguments: the folder of the tool,
;;; the port of the system under test, and the call of a test. The exit status is the tool's
;;; (0 passed, 1 failed, 2 unknown), or 3 if the association was closed.
(define-module (ice-9 syncase)) ; part of the language by now

(define-module (net sctp)
  #:use-module (system foreign)
  #:use-module (rnrs bytevectors)
  #:export (IPPROTO_SCTP SCTP_NODELAY send-octets receive-octets))
(define IPPROTO_SCTP 132)
(define SCTP_NODELAY 3)
(define SCTP_EVENTS 11)
(define libsctp (dynamic-link "libsctp.so.1"))
(define sendmsg
  (pointer->procedure int (dynamic-func "sctp_sendmsg" libsctp)
                      (list int '* size_t '* uint32 uint32 uint32 uint16 uint32 uint32)))
(define recvmsg
  (pointer->procedure int (dynamic-func "sctp_recvmsg" libsctp) (list int '* size_t '* '* '* '*)))
(define setsockopt*
  (pointer->procedure int (dynamic-func "setsockopt" (dynamic-link)) (list int int int '* uint32)))
(define ppid-5-in-network-order #x05000000)
(define (send-octets s octets stream)
  (sendmsg (fileno s) (bytevector->pointer octets) (bytevector-length octets)
           %null-pointer 0 ppid-5-in-network-order 0 stream 0 0))
(define data-io-event (u8-list->bytevector '(1)))
(define (receive-octets s octets) ; the number of octets and the stream
  (let ((info (make-bytevector 32 0)) (flags (make-bytevector 4 0)))
    (setsockopt* (fileno s) IPPROTO_SCTP SCTP_EVENTS (bytevector->pointer data-io-event) 1)
    (let ((n (recvmsg (fileno s) (bytevector->pointer octets) (bytevector-length octets)
                      %null-pointer %null-pointer (bytevector->pointer info) (bytevector->pointer flags))))
      (cons n (bytevector-u16-native-ref info 0)))))

(define-module (guile-user) #:declarative? #f)
(use-modules (net sctp) (rnrs bytevectors))
(define sctp-send-with-crc32c #f)
(define (inet-aton address) (inet-pton AF_INET address))
(define dir (cadr (command-line)))
(for-each (lambda (f) (load (string-append dir "/" f ".scm")))
          '("common" "mtp" "m2pa" "m2pa-param-testtool" "m2pa-tests"))
(define sut-port (string->number (caddr (command-line))))
(define tester-addr "127.0.0.2")
(define slc 0)
(define (sltm-to pc) (mtp-make-sltm pc tester-pc slc (string->bytes "M2PA testtool")))
(define sltm (sltm-to sut-pc))
(define patience 0) ; seconds by which the tool waits longer

(define (m2pa-send-message s stream message)
  (send-octets s (u8-list->bytevector message) stream))
(define association #f)
(define (receive s wanted?)
  (set! association s)
  (let* ((b (make-bytevector 65536 0)) (r (receive-octets s b)) (n (car r)))
    (cond ((<= n 0) (exit 3))
          ((wanted? (cdr r))
           (let loop ((i (- n 1)) (l '()))
             (if (< i 0) l (loop (- i 1) (cons (bytevector-u8-ref b i) l)))))
          (else (receive s wanted?)))))
(define (m2pa-recv-message s)
  (receive s (lambda (stream) #t)))
(define (m2pa-recv-message-on-stream s stream)
  (receive s (lambda (of) (= of stream))))
(define (m2pa-recv-message-with-timeout s seconds)
  (if (null? (car (select (list s) '() '() (+ seconds patience)))) '() (m2pa-recv-message s)))

;; sctp-v-06 uses two names that the tool lacks, and leaves out the Ready with which its side
;; answers Processor Recovered (RFC 4165 section 4.1.4).
(define (m2pa-processor-outage-recovered-message? m)
  (and (m2pa-processor-recovered-message? m)
       (begin
         (m2pa-send-message association 1
                            (m2pa-make-link-status-message (m2pa-get-message-fsn m) #xffffff m2pa-ready-state '()))
         #t)))
(define m2pa-processor-ready-message? m2pa-ready-message?)

(exit (eval (with-input-from-string (cadddr (command-line)) read) (current-module)))
