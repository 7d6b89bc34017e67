// Package email is a page.Channel that sends pages by SMTP, with STARTTLS when the server offers it.
package email

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

// Config says which server to use. Password is never printed.
type Config struct {
	Host     string
	Port     int
	From     string
	User     string
	Password string
	TLS      string // "opportunistic" (default), "mandatory" or "none"
}

// Channel sends pages by e-mail.
type Channel struct{ cfg Config }

// New returns a channel.
func New(c Config) *Channel { return &Channel{c} }

// Name returns "email".
func (c *Channel) Name() string { return "email" }

// Send delivers the message to the SMTP server. A refusal with a 5xx code will never succeed; anything else may.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	msg := mail.NewMsg()
	if err := msg.From(c.cfg.From); err != nil {
		return "", errs.Wrap(err, errs.Invalid, "the sender address %q is not an e-mail address", c.cfg.From)
	}
	if err := msg.To(m.Address); err != nil {
		return "", errs.Wrap(err, errs.Invalid, "%q is not an e-mail address", m.Address)
	}
	msg.Subject("[" + string(m.Severity) + "] " + firstLine(m.Title))
	msg.SetMessageIDWithValue(string(m.Notification) + "@nightkeeper")
	msg.SetDateWithValue(m.At)
	msg.SetBodyString(mail.TypeTextPlain, body(m))
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client, err := c.client(ctx)
	if err != nil {
		return "", err
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		var se *mail.SendError
		if errors.As(err, &se) && !se.IsTemp() && se.ErrorCode() >= 500 {
			return "", errs.Wrap(err, errs.Invalid, "the mail server refused the message for good (%d)", se.ErrorCode())
		}
		return "", errs.Wrap(err, errs.Unavailable, "the mail server %s did not take the message", c.cfg.Host)
	}
	return "accepted by " + c.cfg.Host, nil
}

// client returns a client whose every read and write ends before ctx does: the library heeds ctx only while it dials.
func (c *Channel) client(ctx context.Context) (*mail.Client, error) {
	patience := 15 * time.Second
	if end, ok := ctx.Deadline(); ok {
		patience = max(min(patience, time.Until(end)), time.Millisecond)
	}
	policy := mail.TLSOpportunistic
	switch c.cfg.TLS {
	case "mandatory":
		policy = mail.TLSMandatory
	case "none":
		policy = mail.NoTLS
	}
	opts := []mail.Option{mail.WithPort(c.cfg.Port), mail.WithTLSPolicy(policy), mail.WithTimeout(patience)}
	if c.cfg.User != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.cfg.User), mail.WithPassword(c.cfg.Password))
	}
	client, err := mail.NewClient(c.cfg.Host, opts...)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "the mail server settings cannot work")
	}
	return client, nil
}

func body(m page.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", m.Text)
	fmt.Fprintf(&b, "Acknowledge: %s\nPage: %s\n\n", m.AckURL, m.PageURL)
	fmt.Fprintf(&b, "Rate, errors, duration: %s\nTraces: %s\nWhere the time goes: %s\nRunbook: %s\n", m.Links.RED, m.Links.Traces, m.Links.Profile, m.Links.Runbook)
	return b.String()
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSpace(s)
}
