// Package webhook is a page.Channel that posts pages as signed JSON to an address of the person's choice.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

// Config names addresses that are secrets: a contact has the name. Other contacts have a URL.
type Config struct {
	Addresses map[string]secret.Text `yaml:"addresses"`
}

// Check returns what is wrong with the configuration.
func (c Config) Check() (mistakes []string) {
	for name, at := range c.Addresses {
		if !strings.HasPrefix(at.Reveal(), "https://") && !strings.HasPrefix(at.Reveal(), "http://") {
			mistakes = append(mistakes, "addresses."+name+" is not an address")
		}
	}
	return mistakes
}

// Channel posts pages. Receivers check the header Nightkeeper-Signature: "t=<unix seconds>,v1=<hex>", the HMAC-SHA256 of
// "<t>.<body>" under a key that they know. While a key is replaced there is a v1 for each of the two.
type Channel struct {
	cfg  Config
	ask  *ask.Client
	keys func() []string
	now  func() time.Time
}

// New returns a channel that signs with each of the keys.
func New(c Config, client *ask.Client, keys func() []string, now func() time.Time) *Channel {
	return &Channel{c, client, keys, now}
}

// Name returns "webhook".
func (c *Channel) Name() string { return "webhook" }

// Send posts the message. An answer of 2xx is acceptance; 4xx other than 408, 425 and 429 will never succeed.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	at := m.Address
	if named, ok := c.cfg.Addresses[at]; ok {
		at = named.Reveal()
	}
	if u, err := url.Parse(at); err != nil || u.User != nil || u.Host == "" {
		return "", errs.New(errs.Invalid, "the address of the webhook is neither a URL without a user name nor a name of the channels file")
	}
	body, err := json.Marshal(m)
	if err != nil {
		return "", errs.Wrap(err, errs.Invalid, "the page cannot be written as JSON")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	t := strconv.FormatInt(c.now().Unix(), 10)
	signature := "t=" + t
	for _, key := range c.keys() {
		signature += ",v1=" + Sign(key, t, body)
	}
	reply, err := c.ask.Do(ctx, ask.Request{Provider: "the webhook", URL: at, Text: body, Header: map[string]string{
		"Content-Type": "application/json", "Nightkeeper-Signature": signature, "Idempotency-Key": string(m.Notification)}})
	if err != nil {
		return "", err
	}
	if err := reply.Err(); err != nil {
		return "", err
	}
	return "status " + strconv.Itoa(reply.Status), nil
}

// Sign returns the signature of a body sent at t (Unix seconds as text).
func Sign(key, t string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
