package loopback

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

// Channel posts to ourselves.
type Channel struct {
	base func() string
	key  []byte
	ask  *ask.Client
	take atomic.Pointer[page.Take]
}

// New returns a channel that posts to the server at base, which is asked each time, and signs with the key.
func New(base func() string, key []byte) *Channel {
	// Its only address is our own, so it needs no guard, and a proxy for the way outside is not asked.
	return &Channel{base: base, key: key, ask: ask.New(&http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: 10 * time.Second})}
}

// Name returns "loopback".
func (c *Channel) Name() string { return page.Loopback }

// Send posts the name of the notification to our own receiver.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	n := string(m.Notification)
	form := url.Values{"notification": {n}, "signature": {c.sign(n)}}
	reply, err := c.ask.Do(ctx, ask.Request{Provider: "our own address", URL: c.base() + "/callbacks/" + page.Loopback + "/arrived", Form: form})
	if err != nil {
		return "", err
	}
	if err := reply.Err(); err != nil {
		return "", errs.Wrap(err, errs.Unavailable, "%s", errs.Message(err)) // what we answer ourselves may be mended
	}
	return "came back", nil
}

func (c *Channel) sign(notification string) string {
	m := hmac.New(sha256.New, c.key)
	m.Write([]byte(notification))
	return hex.EncodeToString(m.Sum(nil))
}

// Listen has the receiver give what arrives to take until ctx ends.
func (c *Channel) Listen(ctx context.Context, take page.Take) error {
	c.take.Store(&take)
	defer c.take.Store(nil)
	<-ctx.Done()
	return nil
}

// Callbacks returns the receiver. It answers 204 when the arrival is durable.
func (c *Channel) Callbacks() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /arrived", func(w http.ResponseWriter, r *http.Request) {
		n, signature := r.PostFormValue("notification"), r.PostFormValue("signature")
		if !hmac.Equal([]byte(signature), []byte(c.sign(n))) {
			http.Error(w, "the signature is not right; only Nightkeeper itself calls this", http.StatusForbidden)
			return
		}
		take := c.take.Load()
		if take == nil {
			http.Error(w, "starting or stopping", http.StatusServiceUnavailable)
			return
		}
		if _, err := (*take)(r.Context(), page.Answer{Notification: page.NotificationID(n), Kind: page.AnswerDelivered}); err != nil {
			http.Error(w, errs.Message(err), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
