// Drives an event socket with modesl: node modesl.js HOST PORT PASSWORD PHONE PHONE OUTBOUND_PORT
// The folder with modesl is in NODE_PATH. Prints what it sees as "ok …" lines; ends with status 0 when all went well.
'use strict';
const esl = require('modesl');
const [host, port, password, alice, bob, outbound] = process.argv.slice(2);

const fail = (why) => { console.log('not ok ' + why); process.exit(1); };
setTimeout(() => fail('time is up'), 20000).unref();
process.on('uncaughtException', (e) => fail(e.stack));

const want = (what, ok, got) => { if (!ok) fail(what + ': ' + JSON.stringify(got)); console.log('ok ' + what); };
const text = (evt) => evt.getBody().trim();

// The outbound side: a call that comes in is answered and hears something.
const server = new esl.Server({ port: +outbound, host: '127.0.0.1', myevents: false }, () => console.log('ok listening'));
let outboundDone = false, inboundDone = false;
const finish = () => { if (outboundDone && inboundDone) { console.log('ok all'); process.exit(0); } };
server.on('connection::ready', (c) => {
	const info = c.getInfo();
	want('outbound data', info.getHeader('Channel-Destination-Number').startsWith('async' + outbound), info);
	c.setEventLock(true);
	c.execute('answer', '', () => {
		c.execute('playback', 'tone_stream://%(400,0,440)', (evt) => {
			want('outbound playback', evt.getHeader('Application') === 'playback', evt);
			c.execute('hangup', 'NORMAL_CLEARING');
		});
	});
	c.on('esl::end', () => { console.log('ok outbound end'); outboundDone = true; finish(); });
});

const c = new esl.Connection(host, +port, password, () => {
	console.log('ok ready');
	c.subscribe(['CHANNEL_ANSWER', 'CHANNEL_BRIDGE', 'CHANNEL_HANGUP_COMPLETE', 'RECORD_STOP'], () => {
		c.bgapi('originate', '{mark=one}' + alice + ' &park', (evt) => {
			const a = text(evt).replace('+OK ', '');
			want('first call', text(evt).startsWith('+OK '), text(evt));
			c.api('originate', '{mark=two}' + bob + ' &park', (evt) => {
				const b = text(evt).replace('+OK ', '');
				want('second call', text(evt).startsWith('+OK '), text(evt));
				c.execute('playback', 'tone_stream://%(400,0,440)', a, (evt) => {
					want('playback', evt.getHeader('Unique-ID') === a && evt.getHeader('variable_mark') === 'one', evt);
					c.api('uuid_record', [a, 'start', 'modesl.wav'], (evt) => {
						want('record', text(evt) === '+OK Success', text(evt));
						c.api('uuid_bridge', [a, b], (evt) => {
							want('bridge', text(evt) === '+OK ' + b, text(evt));
							c.show('channels', 'json', (err, table) => {
								want('show channels', !err && table.row_count === 2 && table.rows[0].uuid === a, table);
								setTimeout(() => {
									c.on('esl::event::CHANNEL_HANGUP_COMPLETE::' + b, (evt) => {
										want('hangup', evt.getHeader('Hangup-Cause') === 'NORMAL_CLEARING', evt);
										inboundDone = true;
										finish();
									});
									c.api('uuid_kill', a);
								}, 700);
							});
						});
					});
				});
			});
		});
	});
});
c.on('error', (e) => fail(e.stack || e));
