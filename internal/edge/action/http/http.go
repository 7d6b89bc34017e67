package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/remediate/script"
)

// ErrNoAnswer says that the request was sent and that nothing is known about its effect.
var ErrNoAnswer = errors.New("the request was sent but no answer came")

// maxRedirects is how many redirects one request follows.
const maxRedirects = 3

// Config of the action. Everything has a default; the default allows public addresses only.
type Config struct {
	Allow       []netip.Prefix                    // addresses that are allowed although they are not public
	Secrets     func(name string) (Secret, error) // not_found when there is none of the name; nil: there are none at all
	Timeout     time.Duration                     // of one request with its redirects; default 10 seconds
	MaxResponse int                               // bytes of a body that are kept; default 1 MiB
	Log         *slog.Logger

	resolver *net.Resolver // of a test
}

// Request is one request.
type Request struct {
	Method  string            // default GET
	URL     string            // http or https, without user and password
	Headers map[string]string // values may refer to secrets: "Bearer secret:NAME"
	Body    any               // nil, text, bytes, or what is sent as JSON
	Key     string            // sent as Idempotency-Key
}

// Response is what came back, without secrets.
type Response struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"` // the few of them that a runbook asks for
	Body    any               `json:"body"`    // decoded JSON, or text
	Cut     bool              `json:"cut,omitempty"`
	TookMS  int64             `json:"took_ms"`
}

// Action makes requests. It may be used by many goroutines.
type Action struct {
	config Config
	client *http.Client
}

// New returns an action.
func New(c Config) *Action {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.MaxResponse == 0 {
		c.MaxResponse = 1 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	dialer := &net.Dialer{Timeout: c.Timeout, Resolver: c.resolver, Control: guard{allow: c.Allow}.control}
	return &Action{config: c, client: &http.Client{
		CheckRedirect: redirect,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    c.Timeout,
			ForceAttemptHTTP2:      true,
			DisableKeepAlives:      true, // each request dials, so each is checked
			MaxResponseHeaderBytes: 64 << 10,
		},
	}}
}

// methods are those that a runbook may use.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// ours are headers that belong to the connection or to this package.
var ours = []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Expect", "Idempotency-Key"}

// kept are the headers of an answer that a runbook may see.
var kept = []string{"Content-Type", "Location", "Retry-After", "Etag", "Last-Modified", "X-Request-Id"}

// Do makes the request and returns whatever status came back. The error is invalid when the request can never work,
// denied when it may not go there, and unavailable when there was no answer: then ErrNoAnswer tells whether it had been
// sent. No error and no response has a secret in it.
func (a *Action) Do(ctx context.Context, r Request) (Response, error) {
	began := time.Now()
	v := &vault{lookup: a.config.Secrets}
	ctx, cancel := context.WithTimeout(ctx, a.config.Timeout)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := newRequest(ctx, r, v)
	if err != nil {
		return Response{}, err
	}
	answer, err := a.client.Do(req)
	if err != nil {
		return Response{}, a.failure(err, req.URL, sent.Load(), v)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(answer.Body, int64(a.config.MaxResponse)+1))
	if err != nil {
		return Response{}, a.failure(err, req.URL, true, v)
	}
	response := Response{Status: answer.StatusCode, Headers: map[string]string{}, TookMS: time.Since(began).Milliseconds()}
	if len(body) > a.config.MaxResponse {
		body, response.Cut = body[:a.config.MaxResponse], true
	}
	for _, name := range kept {
		if value := answer.Header.Get(name); value != "" {
			response.Headers[name] = v.redact(value)
		}
	}
	if response.Cut {
		response.Body = v.redactCut(string(body)) // JSON that was cut is none
	} else {
		response.Body = decode(body, answer.Header.Get("Content-Type"), v)
	}
	a.config.Log.Debug("request made", "method", req.Method, "host", req.URL.Host, "status", response.Status, "ms", response.TookMS)
	return response, nil
}

func newRequest(ctx context.Context, r Request, v *vault) (*http.Request, error) {
	method := strings.ToUpper(r.Method)
	if method == "" {
		method = http.MethodGet
	}
	if !slices.Contains(methods, method) {
		return nil, errs.New(errs.Invalid, "the method must be one of %s, not %.20q", strings.Join(methods, ", "), r.Method)
	}
	u, err := checkURL(r.URL)
	if err != nil {
		return nil, err
	}
	body, contentType, err := encode(r.Body)
	if err != nil {
		return nil, err
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), reader)
	if err != nil {
		return nil, errs.New(errs.Invalid, "the request cannot be made")
	}
	req.Header.Set("User-Agent", "Nightkeeper")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for name, value := range r.Headers {
		if slices.Contains(ours, http.CanonicalHeaderKey(name)) {
			return nil, errs.New(errs.Invalid, "the header %s cannot be set", name)
		}
		if value, err = v.fill(value, u); err != nil {
			return nil, err
		}
		if strings.ContainsAny(name+value, "\r\n\x00") {
			return nil, errs.New(errs.Invalid, "the header %.40q has a line break in it", name)
		}
		req.Header.Set(name, value)
	}
	if r.Key != "" {
		req.Header.Set("Idempotency-Key", r.Key)
	}
	return req, nil
}

// encode returns the bytes of a body and their type.
func encode(body any) ([]byte, string, error) {
	switch body := body.(type) {
	case nil:
		return nil, "", nil
	case string:
		return []byte(body), "text/plain; charset=utf-8", nil
	case []byte:
		return body, "application/octet-stream", nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, "", errs.Wrap(err, errs.Invalid, "the body cannot be written as JSON")
	}
	return bytes.TrimSpace(b.Bytes()), "application/json", nil
}

// decode returns JSON as values and anything else as text.
func decode(body []byte, contentType string, v *vault) any {
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return v.redact(string(body))
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil || d.More() {
		return v.redact(string(body))
	}
	canonical, err := script.Canonical(v.redactValue(value))
	if err != nil {
		return v.redact(string(body))
	}
	return canonical
}

// redirect decides whether to follow one. Away from the first host go neither headers nor bodies, and not again when a
// later redirect leads back.
func redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errs.New(errs.Invalid, "more than %d redirects", maxRedirects)
	}
	if _, err := checkURL(req.URL.String()); err != nil {
		return errs.Wrap(err, errs.Denied, "a redirect to where no request may go: %s", errs.Message(err))
	}
	first := via[0].URL
	away := func(r *http.Request) bool { return !sameOrigin(r.URL, first) }
	if !away(req) && !slices.ContainsFunc(via, away) {
		return nil
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return errs.New(errs.Denied, "a redirect of a %s to another host, %s; name that host in the runbook", req.Method, req.URL.Host)
	}
	agent := req.Header.Get("User-Agent")
	req.Header = http.Header{"User-Agent": {agent}}
	return nil
}

// failure gives an error of the network its code and takes secrets out of its text.
func (a *Action) failure(err error, u *url.URL, sent bool, v *vault) error {
	var ours *errs.Error
	if errors.As(err, &ours) {
		return errs.New(ours.Code, "%s: %s", u.Host, v.redact(ours.Message))
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without the URL, whose query may be private
	}
	cause := errors.New(v.redact(err.Error()))
	what := "cannot be reached"
	var noName *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded) && !sent:
		what = fmt.Sprintf("cannot be reached within %s", a.config.Timeout)
	case sent:
		what = "was sent the request and did not answer"
		cause = fmt.Errorf("%w: %w", ErrNoAnswer, cause)
	case errors.As(err, &noName):
		what = "is not a name that can be resolved"
	}
	return errs.Wrap(cause, errs.Unavailable, "%s %s", u.Host, what)
}
