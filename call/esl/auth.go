package esl

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"
)

// maxBefore is how many other commands a client may send before it logs in.
const maxBefore = 5

// auth is the part of an inbound connection before the password was right.
func (c *client) auth() error {
	timer := time.AfterFunc(c.s.cfg.AuthTimeout, func() {
		if !c.authed.Load() {
			c.cut(errors.New("esl: no password in time"))
		}
	})
	defer timer.Stop()
	c.r.MaxHeader, c.r.MaxBody = 4<<10, 1
	for range maxBefore {
		cmd, err := c.read()
		if err != nil {
			return err
		}
		switch cmd.Name() {
		case "auth":
			return c.password(cmd.Args())
		case "userauth":
			// Users of a directory are not known here.
			c.reply("-ERR invalid: userauth is not supported, use auth")
			c.disconnect(goodbye)
			return errRefused
		case "exit", "...":
			c.reply("+OK bye")
			c.disconnect(goodbye)
			return errBye
		}
		if err := c.reply("-ERR command not found"); err != nil {
			return err
		}
	}
	c.disconnect(goodbye)
	return errRefused
}

// password checks a password. One that is wrong is answered late, and ends the connection.
func (c *client) password(got string) error {
	ok := c.s.guard.try(c.addr)
	want, have := sha256.Sum256([]byte(c.s.cfg.Password)), sha256.Sum256([]byte(strings.TrimSpace(got)))
	ok = subtle.ConstantTimeCompare(want[:], have[:]) == 1 && ok && c.s.cfg.Password != ""
	if !ok {
		c.s.refused.Add(1)
		c.s.log.Warn("wrong password", "peer", c.conn.RemoteAddr().String())
		select {
		case <-time.After(c.s.cfg.FailDelay):
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
		c.reply("-ERR invalid")
		c.disconnect(goodbye)
		return errRefused
	}
	c.s.guard.pass(c.addr)
	c.authed.Store(true)
	c.s.welcome(c)
	c.r.MaxHeader, c.r.MaxBody = c.s.cfg.MaxHeader, c.s.cfg.MaxBody
	return c.reply("+OK accepted")
}
