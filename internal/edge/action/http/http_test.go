package http

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"nightkeeper/internal/kit/errs"
)

// local allows the addresses that test servers listen on, but 127.0.0.9, which plays the inside of somebody's network.
var local = prefixes("127.0.0.1/32", "127.0.0.2/32")

const inside = "127.0.0.9"

const token = `hunter2"/ä+x`

// secrets may go to the servers of urls.
func secrets(urls ...string) func(name string) (Secret, error) {
	var hosts []*url.URL
	for _, u := range urls {
		parsed, err := url.Parse(u)
		if err != nil {
			panic(err)
		}
		hosts = append(hosts, parsed)
	}
	return func(name string) (Secret, error) {
		switch name {
		case "token":
			return Secret{token, hosts}, nil
		case "pin":
			return Secret{"48151623", hosts}, nil
		}
		return Secret{}, errs.New(errs.NotFound, "there is no secret named %s", name)
	}
}

func serve(t *testing.T, address string, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip("cannot listen on ", address, ": ", err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func TestRequestAndAnswer(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.Header().Set("Retry-After", "7")
		w.Header().Set("Set-Cookie", "session=1")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, `{"method":%q,"body":%s,"key":%q,"type":%q,"int":1,"float":1.0,"big":18446744073709551616}`,
			r.Method, body, r.Header.Get("Idempotency-Key"), r.Header.Get("Content-Type"))
	})
	got, err := New(Config{Allow: local}).Do(t.Context(), Request{Method: "put", URL: s.URL, Key: "run_1/2", Body: map[string]any{"a": int64(1), "b": "<&>"}})
	if err != nil {
		t.Fatal(err)
	}
	body := got.Body.(map[string]any)
	if got.Status != 409 || got.Headers["Retry-After"] != "7" || len(got.Headers) != 2 {
		t.Errorf("got %+v", got)
	}
	if body["method"] != "PUT" || body["key"] != "run_1/2" || body["type"] != "application/json" || fmt.Sprint(body["body"]) != "map[a:1 b:<&>]" {
		t.Errorf("got %v", body)
	}
	if _, ok := body["big"].(*big.Int); !ok || body["int"] != int64(1) || body["float"] != 1.0 {
		t.Errorf("got %#v, want the types of the numbers", body)
	}
}

func TestTextStaysText(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		fmt.Fprint(w, "{not json")
	})
	for _, kind := range []string{"text/plain", "application/json", ";;;"} {
		got, err := New(Config{Allow: local}).Do(t.Context(), Request{URL: s.URL + "?type=" + kind})
		if err != nil || got.Body != "{not json" {
			t.Errorf("%s: got %v, %v", kind, got.Body, err)
		}
	}
}

func TestPrivateAddressesAreDeniedAndSayWhy(t *testing.T) {
	hits := atomic.Int32{}
	s := serve(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"} {
		_, err := New(Config{}).Do(t.Context(), Request{URL: "http://" + host + port})
		if !errs.Is(err, errs.Denied) || !strings.Contains(err.Error(), "is a loopback address; the configuration does not allow it") {
			t.Errorf("%s: got %v", host, err)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests got through", hits.Load())
	}
}

// TestNameThatResolvesDifferentlyTheSecondTime is DNS rebinding: the first answer is allowed, the second is inside.
func TestNameThatResolvesDifferentlyTheSecondTime(t *testing.T) {
	outer := serve(t, "127.0.0.2:0", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "outside") })
	port := outer.URL[strings.LastIndex(outer.URL, ":"):]
	hits := atomic.Int32{}
	serve(t, inside+port, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	var asked atomic.Int32
	resolver := names(t, func(string) [4]byte {
		if asked.Add(1) == 1 {
			return [4]byte{127, 0, 0, 2}
		}
		return netip.MustParseAddr(inside).As4()
	})
	a := New(Config{Allow: local, resolver: resolver})
	if got, err := a.Do(t.Context(), Request{URL: "http://rebind.test" + port}); err != nil || got.Body != "outside" {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := a.Do(t.Context(), Request{URL: "http://rebind.test" + port}); !errs.Is(err, errs.Denied) || hits.Load() != 0 {
		t.Errorf("got %v and %d hits inside", err, hits.Load())
	}
}

// names is a resolver whose server answers every question for an address of version 4 by f.
func names(t *testing.T, f func(name string) [4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: f(q.Name.String())},
				}}
			}
			if out, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestRedirectsAreCheckedAgain(t *testing.T) {
	hits := atomic.Int32{}
	hidden := serve(t, inside+":0", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusTemporaryRedirect)
	})
	f := func(to, want string, code errs.Code) {
		t.Helper()
		_, err := New(Config{Allow: local}).Do(t.Context(), Request{URL: s.URL + "/?to=" + to})
		if !errs.Is(err, code) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", to, err, want)
		}
	}
	f(hidden.URL, "is a loopback address", errs.Denied)
	f("file:///etc/passwd", "must begin with http", errs.Denied)
	f("http://user:pass@127.0.0.1/", "has a user name", errs.Denied)
	f("/?to=/", "more than 3 redirects", errs.Invalid)
	if hits.Load() != 0 {
		t.Errorf("%d requests got inside", hits.Load())
	}
}

func TestCredentialsStayWithTheirHost(t *testing.T) {
	var first, second *httptest.Server
	seen := make(chan http.Header, 10)
	second = serve(t, "127.0.0.2:0", func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		if r.URL.Path == "/back" {
			http.Redirect(w, r, first.URL+"/end", http.StatusFound)
		}
	})
	first = serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		switch r.URL.Path {
		case "/same":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/away", "/post":
			http.Redirect(w, r, second.URL+"/", http.StatusTemporaryRedirect)
		case "/round":
			http.Redirect(w, r, second.URL+"/back", http.StatusFound)
		}
	})
	a := New(Config{Allow: local, Secrets: secrets(first.URL)})
	headers := map[string]string{"Authorization": "Bearer secret:pin", "X-Api-Key": "secret:pin", "Cookie": "s=secret:pin"}
	f := func(path string, want ...int) {
		t.Helper()
		if _, err := a.Do(t.Context(), Request{URL: first.URL + path, Headers: headers, Key: "k"}); err != nil {
			t.Error(err)
		}
		for i, n := range want {
			h := <-seen
			got := strings.Count(fmt.Sprint(h), "48151623")
			if got != n || n == 0 && (h.Get("Idempotency-Key") != "" || h.Get("Referer") != "") {
				t.Errorf("%s: request %d has %d credentials, want %d: %v", path, i, got, n, h)
			}
		}
	}
	f("/same", 3, 3)
	f("/away", 3, 0)
	f("/round", 3, 0, 0)
	_, err := a.Do(t.Context(), Request{Method: "POST", URL: first.URL + "/post", Body: "secret plans"})
	if !errs.Is(err, errs.Denied) || !strings.Contains(err.Error(), "a redirect of a POST to another host") {
		t.Errorf("got %v", err)
	}
}

func TestSecretsNeverComeBack(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Token"); got != token {
			t.Errorf("got %q, want the secret itself", got)
		}
		pin := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		w.Header().Set("Location", "/?pin="+pin)
		if r.URL.Path == "/json" {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"t": "x" + token, pin: json.Number(pin), "list": []any{token, map[string]any{token: 1}}})
			return
		}
		fmt.Fprintf(w, "%s %s %q", token, pin, token)
	})
	var log bytes.Buffer
	a := New(Config{Allow: local, Secrets: secrets(s.URL, "http://127.0.0.1:1", "http://127.0.0.3"), Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	headers := map[string]string{"Authorization": "Bearer secret:pin", "X-Token": "secret:token"}
	for _, url := range []string{s.URL + "/json", s.URL + "/text", "http://127.0.0.1:1/48151623?q=48151623", "http://127.0.0.3/48151623"} {
		got, err := a.Do(t.Context(), Request{URL: url, Headers: headers})
		all := fmt.Sprintf("%v %v %v %s", got, err, errs.Message(err), log.String())
		if strings.Contains(all, "48151623") || strings.Contains(all, "hunter2") {
			t.Errorf("%s: a secret came back: %s", url, all)
		}
		if err == nil && !strings.Contains(all, "[secret:pin]") {
			t.Errorf("%s: got %s, want to see that a secret was there", url, all)
		}
	}
}

func TestSecretsThatCannotBeUsed(t *testing.T) {
	to, err := url.Parse("http://host.test/")
	if err != nil {
		t.Fatal(err)
	}
	is := func(text string) func(string) (Secret, error) {
		return func(string) (Secret, error) { return Secret{text, []*url.URL{to}}, nil }
	}
	for _, c := range []Config{{}, {Secrets: secrets(to.String())}, {Secrets: is("")}, {Secrets: is("a\r\nb")}} {
		if _, err := New(c).Do(t.Context(), Request{URL: to.String(), Headers: map[string]string{"X": "secret:none"}}); !errs.Is(err, errs.Invalid) {
			t.Errorf("got %v", err)
		}
	}
}

func TestSecretGoesOnlyWhereItMay(t *testing.T) {
	hits := atomic.Int32{}
	s := serve(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	f := func(to string, allowed string, want errs.Code) {
		t.Helper()
		before := hits.Load()
		_, err := New(Config{Allow: local, Secrets: secrets(allowed)}).Do(t.Context(), Request{URL: to, Headers: map[string]string{"Authorization": "Bearer secret:token"}})
		if errs.CodeOf(err) != want || (err == nil) != (hits.Load() > before) {
			t.Errorf("%s with a secret for %s: got %v, want code %q", to, allowed, err, want)
		}
		if want == errs.Denied && !strings.Contains(errs.Message(err), "secret:token must not be sent to ") {
			t.Errorf("got %q", errs.Message(err))
		}
	}
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	f(s.URL+"/any/path?x=1", s.URL, "")
	f(s.URL, "https://127.0.0.1"+port, errs.Denied)      // without TLS
	f(s.URL, "http://127.0.0.1:1", errs.Denied)          // another port
	f("http://localhost"+port, s.URL, errs.Denied)       // another name of the same server
	f(s.URL, "http://127.0.0.1.evil.test", errs.Denied)  // a name that begins alike
	f("http://127.0.0.1.evil.test", s.URL, errs.Denied)  // and the other way round
	f("http://evil.test/?127.0.0.1", s.URL, errs.Denied) // named somewhere else
}

// A secret that lies across the place where an answer is cut leaves nothing of itself.
func TestSecretAtTheCutIsNotShownInPart(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, strings.Repeat("x", 995)+"48151623"+strings.Repeat("y", 100))
	})
	a := New(Config{Allow: local, MaxResponse: 1000, Secrets: secrets(s.URL)})
	got, err := a.Do(t.Context(), Request{URL: s.URL, Headers: map[string]string{"X": "secret:pin"}})
	if text, ok := got.Body.(string); err != nil || !ok || !got.Cut || strings.Contains(text, "4") || len(text) < 900 {
		t.Errorf("got %d bytes ending in %q, %v", len(text), text[max(0, len(text)-20):], err)
	}
}

func TestRequestsThatCanNeverWork(t *testing.T) {
	for _, r := range []Request{
		{URL: "ftp://x"},
		{URL: "http://x", Method: "CONNECT"},
		{URL: "http://x", Headers: map[string]string{"host": "other"}},
		{URL: "http://x", Headers: map[string]string{"Transfer-Encoding": "chunked"}},
		{URL: "http://x", Headers: map[string]string{"X": "a\r\nY: b"}},
		{URL: "http://x", Body: make(chan int)},
	} {
		if _, err := New(Config{}).Do(t.Context(), r); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: got %v", r, err)
		}
	}
}

func TestLargeBodiesAreCut(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bomb" {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close() //nolint:errcheck // the client goes away
			for range 1000 {
				if _, err := z.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "[%s1]", strings.Repeat("1,", 1000))
	})
	for _, path := range []string{"/bomb", "/long"} {
		got, err := New(Config{Allow: local, MaxResponse: 1000}).Do(t.Context(), Request{URL: s.URL + path})
		if text, ok := got.Body.(string); err != nil || !got.Cut || !ok || len(text) != 1000 {
			t.Errorf("%s: got %d bytes, cut %t, %v", path, len(text), got.Cut, err)
		}
	}
}

func TestNoAnswerTellsWhetherTheRequestWasSent(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		panic(http.ErrAbortHandler)
	})
	f := func(url string, timeout time.Duration, sent bool, want string) {
		t.Helper()
		_, err := New(Config{Allow: local, Timeout: timeout}).Do(t.Context(), Request{Method: "POST", URL: url})
		if !errs.Is(err, errs.Unavailable) || errors.Is(err, ErrNoAnswer) != sent || !strings.Contains(errs.Message(err), want) {
			t.Errorf("%s: got %v", url, err)
		}
	}
	f(s.URL+"/slow", 50*time.Millisecond, true, "was sent the request and did not answer")
	f(s.URL+"/die", 0, true, "was sent the request and did not answer")
	f("http://127.0.0.1:1/", 0, false, "127.0.0.1:1 cannot be reached")
}

func TestUnknownNames(t *testing.T) {
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no server") }}
	_, err := New(Config{resolver: resolver}).Do(t.Context(), Request{URL: "http://nowhere.test/"})
	if !errs.Is(err, errs.Unavailable) || errs.Message(err) != "nowhere.test is not a name that can be resolved" {
		t.Errorf("got %v", err)
	}
}
