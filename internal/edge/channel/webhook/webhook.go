// Package webhook is a page.Channel that posts pages as signed JSON to an address of the person's choice.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

// Post sends one guarded HTTP request and returns the status of the answer.
type Post func(ctx context.Context, url string, headers map[string]string, body []byte) (status int, err error)

// Channel posts pages. Receivers check the header Nightkeeper-Signature: "t=<unix seconds>,v1=<hex>", the HMAC-SHA256 of
// "<t>.<body>" under the shared key.
type Channel struct {
	post Post
	key  []byte
	now  func() time.Time
}

// New returns a channel that signs with the key.
func New(post Post, key []byte, now func() time.Time) *Channel { return &Channel{post, key, now} }

// Name returns "webhook".
func (c *Channel) Name() string { return "webhook" }

// Send posts the message. An answer of 2xx is acceptance; 4xx other than 408, 425 and 429 will never succeed.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return "", errs.Wrap(err, errs.Invalid, "the page cannot be written as JSON")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	t := strconv.FormatInt(c.now().Unix(), 10)
	status, err := c.post(ctx, m.Address, map[string]string{
		"Content-Type": "application/json", "Nightkeeper-Signature": "t=" + t + ",v1=" + Sign(c.key, t, body), "Idempotency-Key": string(m.Notification),
	}, body)
	switch {
	case errs.Is(err, errs.Denied): // an address that is not allowed will not be the next time either
		return "", errs.Wrap(err, errs.Invalid, "%s", errs.Message(err))
	case err != nil:
		return "", fmt.Errorf("post the page: %w", err)
	case status >= 200 && status < 300:
		return "status " + strconv.Itoa(status), nil
	case status >= 400 && status < 500 && status != 408 && status != 425 && status != 429:
		return "", errs.New(errs.Invalid, "the webhook answered %d", status)
	}
	return "", errs.New(errs.Unavailable, "the webhook answered %d", status)
}

// Sign returns the signature of a body sent at t (Unix seconds as text).
func Sign(key []byte, t string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
