package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

var (
	t0    = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	night = page.Message{Notification: "ntf_1", Page: "pg_1", Person: "mira", Address: "https://hook", Severity: detect.SEV1, Title: "SEV1 checkout", AckURL: "https://nk/ack/t"}
)

// got is one post.
type got struct {
	url     string
	headers map[string]string
	body    []byte
}

func channel(status int, err error) (*Channel, *got) {
	g := &got{}
	return New(func(_ context.Context, url string, headers map[string]string, body []byte) (int, error) {
		*g = got{url, headers, body}
		return status, err
	}, []byte("key"), func() time.Time { return t0 }), g
}

func TestPostIsSignedAndKnownAgain(t *testing.T) {
	c, g := channel(http.StatusAccepted, nil)
	receipt, err := c.Send(t.Context(), night)
	if err != nil || receipt != "status 202" || g.url != "https://hook" {
		t.Fatalf("%q, %v, %+v", receipt, err, g)
	}
	ts, sig, _ := strings.Cut(g.headers["Nightkeeper-Signature"], ",v1=")
	ts = strings.TrimPrefix(ts, "t=")
	if ts != fmt.Sprint(t0.Unix()) || sig != Sign([]byte("key"), ts, g.body) {
		t.Errorf("signature %q", g.headers["Nightkeeper-Signature"])
	}
	if sig == Sign([]byte("key"), "1", g.body) || sig == Sign([]byte("other"), ts, g.body) || sig == Sign([]byte("key"), ts, append(g.body, ' ')) {
		t.Error("the signature does not depend on key, time and body")
	}
	if g.headers["Idempotency-Key"] != "ntf_1" || g.headers["Content-Type"] != "application/json" {
		t.Errorf("headers %v", g.headers)
	}
	var m map[string]any
	if err := json.Unmarshal(g.body, &m); err != nil || m["person"] != "mira" || m["ack_url"] != "https://nk/ack/t" || m["severity"] != "SEV1" {
		t.Errorf("body %s", g.body)
	}
	if strings.Contains(string(g.body), "https://hook") {
		t.Errorf("the address, which may hold a secret, is in the body: %s", g.body)
	}
}

func TestAnswersOfTheReceiver(t *testing.T) {
	f := func(status int, want errs.Code) {
		t.Helper()
		c, _ := channel(status, nil)
		if _, err := c.Send(t.Context(), night); errs.CodeOf(err) != want {
			t.Errorf("%d: %v, want %q", status, err, want)
		}
	}
	for _, s := range []int{200, 201, 204} {
		f(s, "")
	}
	for _, s := range []int{400, 401, 403, 404, 410, 422} {
		f(s, errs.Invalid)
	}
	for _, s := range []int{408, 425, 429, 500, 502, 503, 301} {
		f(s, errs.Unavailable)
	}
}

func TestErrorsKeepTheirCode(t *testing.T) {
	c, _ := channel(0, errors.New("connection reset"))
	if _, err := c.Send(t.Context(), night); err == nil || errs.Is(err, errs.Invalid) {
		t.Errorf("a connection that broke is tried again: %v", err)
	}
	c, _ = channel(0, errs.New(errs.Invalid, "not a URL"))
	if _, err := c.Send(t.Context(), night); !errs.Is(err, errs.Invalid) {
		t.Errorf("%v", err)
	}
	// An address that may not be called will not be allowed by trying again.
	c, _ = channel(0, errs.New(errs.Denied, "127.0.0.1 is not allowed"))
	if _, err := c.Send(t.Context(), night); !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Message(err), "not allowed") {
		t.Errorf("%v", err)
	}
}
