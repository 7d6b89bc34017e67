// Package email is a page.Channel that sends pages by SMTP, over TLS unless the server is on this machine.
package email

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
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
	TLS      string // "mandatory", "opportunistic", "none", or "implicit" for TLS from the first byte; default see Mode
}

// Mode returns how TLS is used: what was asked for, else mandatory STARTTLS, which on the loopback is only used when offered.
func (c Config) Mode() string {
	if c.TLS != "" {
		return c.TLS
	}
	if ip := net.ParseIP(c.Host); c.Host == "localhost" || (ip != nil && ip.IsLoopback()) {
		return "opportunistic"
	}
	return "mandatory"
}

// Check returns what is wrong with the configuration.
func (c Config) Check() (mistakes []string) {
	if !slices.Contains([]string{"mandatory", "opportunistic", "none", "implicit"}, c.Mode()) {
		mistakes = append(mistakes, fmt.Sprintf("TLS is %q; it is one of mandatory, opportunistic, none, implicit", c.TLS))
	}
	if !strings.Contains(c.From, "@") {
		mistakes = append(mistakes, fmt.Sprintf("the sender %q is not an e-mail address", c.From))
	}
	return mistakes
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
	msg.Subject(subject(m))
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
	opts := []mail.Option{mail.WithPort(c.cfg.Port), mail.WithTimeout(patience)}
	switch c.cfg.Mode() {
	case "opportunistic":
		opts = append(opts, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case "none":
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	case "implicit":
		opts = append(opts, mail.WithSSL())
	default:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	}
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
	if m.AckURL != "" {
		fmt.Fprintf(&b, "Acknowledge: %s\n", m.AckURL)
	}
	for _, l := range m.Addresses() {
		fmt.Fprintf(&b, "%s: %s\n", l.Label, l.URL)
	}
	return b.String()
}

func subject(m page.Message) string {
	if m.Severity == "" || m.Test {
		return firstLine(m.Title)
	}
	return "[" + string(m.Severity) + "] " + firstLine(m.Title)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSpace(s)
}
