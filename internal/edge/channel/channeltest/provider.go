package channeltest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Hidden is in every secret of a test: it must not be in any error.
const Hidden = "hunter2"

// T0 is when the nights of tests begin.
var T0 = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

// Night is a page to somebody at an address.
func Night(address string) page.Message {
	return page.Message{Notification: "ntf_1", Page: "pg_1", Person: "mira", Address: address, Severity: detect.SEV1, Service: "checkout",
		Title: "SEV1 checkout", Text: "checkout burns its error budget\n\nbudget burns 15 times too fast <!here> & \"so\"", At: T0,
		Links:   detect.Links{RED: "https://nk.example.org/services/checkout"},
		PageURL: "https://nk.example.org/pages/pg_1", AckURL: "https://nk.example.org/ack/token"}
}

// Client is how channels under test reach the provider.
func Client() *ask.Client { return ask.New(http.DefaultTransport) }

// Answer is what the provider says to a request. Hang says nothing until the caller leaves; Drop breaks the connection.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
	Hang   bool
	Drop   bool
}

// Request is what the provider got.
type Request struct {
	Method, Path, Body string
	Header             http.Header
	User, Password     string
}

// JSON reads the body of a request.
func (r Request) JSON(t testing.TB) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
		t.Fatalf("body %s: %v", r.Body, err)
	}
	return v
}

// Provider answers with what it is told, the last answer for ever.
type Provider struct {
	URL string

	mu       sync.Mutex
	answers  []Answer
	requests []Request
}

// Serve returns a provider that lives as long as the test.
func Serve(t testing.TB, answers ...Answer) *Provider {
	t.Helper()
	p := &Provider{answers: answers}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.URL = srv.URL
	return p
}

// Requests returns what came so far.
func (p *Provider) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Request(nil), p.requests...)
}

// Only returns the one request that came.
func (p *Provider) Only(t testing.TB) Request {
	t.Helper()
	rs := p.Requests()
	if len(rs) != 1 {
		t.Fatalf("%d requests", len(rs))
	}
	return rs[0]
}

// ServeHTTP answers.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	p.mu.Lock()
	p.requests = append(p.requests, Request{r.Method, r.URL.RequestURI(), string(body), r.Header, user, password})
	a := p.answers[0]
	if len(p.answers) > 1 {
		p.answers = p.answers[1:]
	}
	p.mu.Unlock()
	switch {
	case a.Hang:
		<-r.Context().Done()
		return
	case a.Drop:
		panic(http.ErrAbortHandler)
	}
	if strings.HasPrefix(a.Body, "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	for k, v := range a.Header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}

// Case is an answer of the provider and what the channel has to make of it.
type Case struct {
	Name string
	Answer
	Code errs.Code
	Wait time.Duration
}

// Table sends the message once for each case, and for what any provider does: it breaks, hangs, is gone. make returns the
// channel that uses the provider at a URL.
func Table(t *testing.T, m page.Message, make func(url string) page.Channel, cases ...Case) {
	t.Helper()
	cases = append(cases,
		Case{"500", Answer{Status: 500, Body: "oops " + Hidden}, errs.Unavailable, 0},
		Case{"502", Answer{Status: 502, Body: "<html>"}, errs.Unavailable, 0},
		Case{"503 for a while", Answer{Status: 503, Header: map[string]string{"Retry-After": "7"}}, errs.Unavailable, 7 * time.Second},
		Case{"too many", Answer{Status: 429, Header: map[string]string{"Retry-After": "30"}}, errs.Unavailable, 30 * time.Second},
		Case{"moved", Answer{Status: 302, Header: map[string]string{"Location": "http://127.0.0.1:1/" + Hidden}}, errs.Invalid, 0},
		Case{"not allowed", Answer{Status: 403, Body: Hidden}, errs.Invalid, 0},
		Case{"broken connection", Answer{Drop: true}, errs.Unavailable, 0},
		Case{"hangs", Answer{Hang: true}, errs.Unavailable, 0},
	)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			ctx := t.Context()
			if c.Hang {
				short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
				ctx = short
			}
			receipt, err := make(Serve(t, c.Answer).URL).Send(ctx, m)
			if errs.CodeOf(err) != c.Code || errs.WaitOf(err) != c.Wait {
				t.Errorf("%v, waits %s; want %q and %s", err, errs.WaitOf(err), c.Code, c.Wait)
			}
			if err != nil && (receipt != "" || strings.Contains(err.Error(), Hidden)) {
				t.Errorf("receipt %q, error %v", receipt, err)
			}
		})
	}
	t.Run("gone", func(t *testing.T) {
		srv := httptest.NewServer(http.NotFoundHandler())
		srv.Close()
		if _, err := make(srv.URL).Send(t.Context(), m); !errs.Is(err, errs.Unavailable) || strings.Contains(err.Error(), Hidden) {
			t.Errorf("%v", err)
		}
	})
}
