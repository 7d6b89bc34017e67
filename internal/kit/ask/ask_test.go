package ask

import (
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
)

// serve answers each request with h.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAnswersHaveCodes(t *testing.T) {
	f := func(status int, retry string, want errs.Code, wait time.Duration) {
		t.Helper()
		at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", "Fri, 27 Nov 2026 03:00:00 GMT")
			w.Header().Set("Location", "http://127.0.0.1:1/")
			if retry != "" {
				w.Header().Set("Retry-After", retry)
			}
			w.WriteHeader(status)
		})
		r, err := New(http.DefaultTransport).Do(t.Context(), Request{Provider: "Chat", URL: at})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Err(); errs.CodeOf(err) != want || errs.WaitOf(err) != wait {
			t.Errorf("%d %q: %v, waits %s", status, retry, err, errs.WaitOf(err))
		}
	}
	for _, s := range []int{200, 202, 204} {
		f(s, "", "", 0)
	}
	for _, s := range []int{301, 400, 401, 403, 404, 410, 422} {
		f(s, "9", errs.Invalid, 0)
	}
	for _, s := range []int{408, 425, 500, 502, 503} {
		f(s, "", errs.Unavailable, 0)
	}
	f(429, "30", errs.Unavailable, 30*time.Second)
	f(429, "0.5", errs.Unavailable, 500*time.Millisecond)
	f(503, "Fri, 27 Nov 2026 03:02:00 GMT", errs.Unavailable, 2*time.Minute)
	f(503, "Fri, 27 Nov 2026 02:00:00 GMT", errs.Unavailable, 0)
	f(429, "99999999999999", errs.Unavailable, MaxWait)
	f(429, "soon", errs.Unavailable, 0)
	f(429, "-5", errs.Unavailable, 0)
	if Seconds(math.NaN()) != 0 {
		t.Error("not a number waits")
	}
}

func TestWhatIsSent(t *testing.T) {
	type sent struct{ method, kind, user, body, header string }
	var got sent
	at := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		u, p, _ := r.BasicAuth()
		got = sent{r.Method, r.Header.Get("Content-Type"), u + ":" + p, string(b), r.Header.Get("X-A")}
	})
	f := func(r Request, want sent) {
		t.Helper()
		r.Provider, r.URL = "Chat", at
		if _, err := New(http.DefaultTransport).Do(t.Context(), r); err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	f(Request{JSON: map[string]int{"a": 1}, Header: map[string]string{"X-A": "b"}}, sent{"POST", "application/json; charset=utf-8", ":", `{"a":1}`, "b"})
	f(Request{Form: url.Values{"a": {"b c"}}, User: "u", Password: "p"}, sent{"POST", "application/x-www-form-urlencoded", "u:p", "a=b+c", ""})
	f(Request{Text: []byte("x"), Method: "PUT"}, sent{"PUT", "", ":", "x", ""})
}

// refuse is a transport that goes nowhere.
type refuse struct{ err error }

func (r refuse) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.err }

func TestErrorsHaveNoAddressInThem(t *testing.T) {
	const hidden = "hunter2"
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	f := func(rt http.RoundTripper, r Request, want errs.Code) {
		t.Helper()
		r.Provider = "Chat"
		_, err := New(rt).Do(t.Context(), r)
		if errs.CodeOf(err) != want || strings.Contains(err.Error(), hidden) || !strings.Contains(errs.Message(err), "Chat") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f(http.DefaultTransport, Request{URL: gone.URL + "/" + hidden}, errs.Unavailable)
	f(http.DefaultTransport, Request{URL: "://" + hidden}, errs.Invalid)
	f(http.DefaultTransport, Request{URL: "ftp://" + hidden}, errs.Invalid)
	f(http.DefaultTransport, Request{URL: gone.URL, Header: map[string]string{"A": hidden + "\r\nB: c"}}, errs.Invalid)
	f(http.DefaultTransport, Request{URL: gone.URL, JSON: func() {}}, errs.Invalid)
	f(refuse{errs.New(errs.Denied, "10.0.0.1 is a private address")}, Request{URL: "https://x/" + hidden}, errs.Invalid)
	f(refuse{errs.New(errs.Unavailable, "away")}, Request{URL: "https://x/" + hidden}, errs.Unavailable)
}

func TestProviderThatHangsIsLeft(t *testing.T) {
	at := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := New(http.DefaultTransport).Do(ctx, Request{Provider: "Chat", URL: at}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("%v", err)
	}
}

func TestAnswerThatIsNoJSON(t *testing.T) {
	var v map[string]int
	if err := (Reply{Status: 200, Body: []byte(`{"a":1}`)}).Decode(&v); err != nil || v["a"] != 1 {
		t.Errorf("%v, %v", v, err)
	}
	if err := (Reply{Status: 200, Body: []byte("<html>")}).Decode(&v); !errs.Is(err, errs.Unavailable) {
		t.Errorf("%v", err)
	}
}
