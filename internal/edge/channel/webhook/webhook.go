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
	"time"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

// Channel posts pages. Receivers check the header Nightkeeper-Signature: "t=<unix seconds>,v1=<hex>", the HMAC-SHA256 of
// "<t>.<body>" under a key that they know. While a key is replaced there is a v1 for each of the two.
type Channel struct {
	ask  *ask.Client
	keys func() []string
	now  func() time.Time
}

// New returns a channel that signs with each of the keys.
func New(client *ask.Client, keys func() []string, now func() time.Time) *Channel {
	return &Channel{client, keys, now}
}

// Name returns "webhook".
func (c *Channel) Name() string { return "webhook" }

// Send posts the message. An answer of 2xx is acceptance; 4xx other than 408, 425 and 429 will never succeed.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	if u, err := url.Parse(m.Address); err != nil || u.User != nil {
		return "", errs.New(errs.Invalid, "the address of the webhook is no URL, or has a user name in it")
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
	reply, err := c.ask.Do(ctx, ask.Request{Provider: "the webhook", URL: m.Address, Text: body, Header: map[string]string{
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
