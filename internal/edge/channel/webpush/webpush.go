package webpush

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

// Config says whom a push service may write to about us.
type Config struct {
	Subject string `yaml:"subject"` // mailto:… or https://…
}

// Check returns what is wrong with the configuration.
func (c Config) Check() (mistakes []string) {
	if !strings.HasPrefix(c.Subject, "mailto:") && !strings.HasPrefix(c.Subject, "https://") {
		mistakes = append(mistakes, "subject is how a push service can reach you: mailto:ops@example.com or https://…")
	}
	return mistakes
}

// Devices are where people want to be told.
type Devices interface {
	// Devices returns those of a person, the oldest first.
	Devices(ctx context.Context, person string) ([]page.Device, error)
	// DropDevice forgets one; one that is not known is no error.
	DropDevice(ctx context.Context, endpoint string) error
}

// Channel sends pages to browsers.
type Channel struct {
	cfg     Config
	key     Key
	devices Devices
	ask     *ask.Client
	now     func() time.Time
}

// New returns a channel.
func New(c Config, key Key, devices Devices, client *ask.Client, now func() time.Time) *Channel {
	return &Channel{c, key, devices, client, now}
}

// Name returns "webpush".
func (c *Channel) Name() string { return "webpush" }

// Send pushes the message to every device of the person; one that takes it is enough. A device whose browser does not want
// pushes any more is forgotten.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	devices, err := c.devices.Devices(ctx, m.Person)
	if err != nil {
		return "", fmt.Errorf("devices of %s: %w", m.Person, err)
	}
	if len(devices) == 0 {
		return "", errs.New(errs.Invalid, "%s has allowed messages on no device; the button is at /oncall/contacts", m.Person)
	}
	plain, err := payload(m)
	if err != nil {
		return "", err
	}
	taken := 0
	var failed error
	for _, d := range devices {
		err := c.push(ctx, d, plain)
		switch {
		case err == nil:
			taken++
		case failed == nil || errs.Is(failed, errs.Invalid): // what may work later counts more
			failed = err
		}
	}
	if taken == 0 {
		return "", failed
	}
	return fmt.Sprintf("accepted for %d of %d devices", taken, len(devices)), nil
}

func (c *Channel) push(ctx context.Context, d page.Device, plain []byte) error {
	at, err := url.Parse(d.Endpoint)
	if err != nil || d.Check() != nil {
		return errs.New(errs.Invalid, "the address or the keys of the device %q cannot be used", d.Name)
	}
	body, err := Encrypt(plain, d.Key, d.Auth)
	if err != nil {
		return err
	}
	who, err := c.key.authorization(at, c.cfg.Subject, c.now())
	if err != nil {
		return err
	}
	reply, err := c.ask.Do(ctx, ask.Request{Provider: "the push service", URL: d.Endpoint, Text: body, Header: map[string]string{
		"Authorization": who, "Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream", "TTL": "3600", "Urgency": "high"}})
	if err != nil {
		return err
	}
	if reply.Status == http.StatusNotFound || reply.Status == http.StatusGone {
		if err := c.devices.DropDevice(ctx, d.Endpoint); err != nil {
			return fmt.Errorf("forget a device of %s: %w", d.Person, err)
		}
		return errs.New(errs.Invalid, "the device %q does not want messages any more", d.Name)
	}
	return reply.Err()
}

// maxText keeps a message with its links within MaxPlain, also when each byte of the text needs six in JSON.
const maxText = 350

// payload is what the page in the browser shows.
func payload(m page.Message) ([]byte, error) {
	b, err := json.Marshal(map[string]any{"title": page.Short(m.Title, 100), "body": page.Short(m.Text, maxText), "url": m.PageURL, "ack": m.AckURL, "tag": m.Page,
		"quiet": m.Notice})
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "the page cannot be written as JSON")
	}
	return b, nil
}
