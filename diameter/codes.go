package diameter

// Commands of the base protocol (RFC 6733 section 3.1).
const (
	CommandCapabilitiesExchange CommandCode = 257
	CommandReAuth               CommandCode = 258
	CommandAccounting           CommandCode = 271
	CommandAbortSession         CommandCode = 274
	CommandSessionTermination   CommandCode = 275
	CommandDeviceWatchdog       CommandCode = 280
	CommandDisconnectPeer       CommandCode = 282
)

// AVPs of the base protocol (RFC 6733 section 4.5).
const (
	AVPUserName                    AVPCode = 1
	AVPHostIPAddress               AVPCode = 257
	AVPAuthApplicationID           AVPCode = 258
	AVPAcctApplicationID           AVPCode = 259
	AVPVendorSpecificApplicationID AVPCode = 260
	AVPRedirectHostUsage           AVPCode = 261
	AVPRedirectMaxCacheTime        AVPCode = 262
	AVPSessionID                   AVPCode = 263
	AVPOriginHost                  AVPCode = 264
	AVPSupportedVendorID           AVPCode = 265
	AVPVendorID                    AVPCode = 266
	AVPFirmwareRevision            AVPCode = 267
	AVPResultCode                  AVPCode = 268
	AVPProductName                 AVPCode = 269
	AVPDisconnectCause             AVPCode = 273
	AVPAuthSessionState            AVPCode = 277
	AVPOriginStateID               AVPCode = 278
	AVPFailedAVP                   AVPCode = 279
	AVPProxyHost                   AVPCode = 280
	AVPErrorMessage                AVPCode = 281
	AVPRouteRecord                 AVPCode = 282
	AVPDestinationRealm            AVPCode = 283
	AVPProxyInfo                   AVPCode = 284
	AVPRedirectHost                AVPCode = 292
	AVPDestinationHost             AVPCode = 293
	AVPErrorReportingHost          AVPCode = 294
	AVPOriginRealm                 AVPCode = 296
	AVPExperimentalResult          AVPCode = 297
	AVPExperimentalResultCode      AVPCode = 298
	AVPInbandSecurityID            AVPCode = 299
	AVPProxyState                  AVPCode = 33
)
