package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
)

// maxReply is how much of an answer is read.
const maxReply = 1 << 20

// MaxWait bounds how long a provider may make us wait.
const MaxWait = time.Hour

// Client makes requests by one transport.
type Client struct{ http *http.Client }

// New returns a client.
func New(rt http.RoundTripper) *Client {
	return &Client{&http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Request is one request. Provider is what people call the other side. At most one of JSON, Form and Text is set.
type Request struct {
	Provider string
	Method   string // default POST
	URL      string
	Header   map[string]string
	User     string // with Password, for basic authentication
	Password string
	JSON     any
	Form     url.Values
	Text     []byte
}

// Reply is what came back, whatever its status.
type Reply struct {
	Provider string
	Status   int
	Header   http.Header
	Body     []byte
}

// Do makes the request. The error is invalid when the request can never work or may not go there, and unavailable when
// there was no answer.
func (c *Client) Do(ctx context.Context, r Request) (Reply, error) {
	req, err := newRequest(ctx, r)
	if err != nil {
		return Reply{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Reply{}, failure(r.Provider, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return Reply{}, failure(r.Provider, err)
	}
	return Reply{r.Provider, resp.StatusCode, resp.Header, body}, nil
}

func newRequest(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader
	kind := ""
	switch {
	case r.JSON != nil:
		b, err := json.Marshal(r.JSON)
		if err != nil {
			return nil, errs.Wrap(err, errs.Invalid, "the message to %s cannot be written as JSON", r.Provider)
		}
		body, kind = bytes.NewReader(b), "application/json; charset=utf-8"
	case r.Form != nil:
		body, kind = strings.NewReader(r.Form.Encode()), "application/x-www-form-urlencoded"
	case r.Text != nil:
		body = bytes.NewReader(r.Text)
	}
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL, body)
	if err != nil || (req.URL.Scheme != "https" && req.URL.Scheme != "http") || req.URL.Host == "" {
		return nil, errs.New(errs.Invalid, "the address of %s is not an http or https URL", r.Provider)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("User-Agent", "Nightkeeper")
	for k, v := range r.Header {
		if strings.ContainsAny(v, "\r\n\x00") {
			return nil, errs.New(errs.Invalid, "the header %s for %s has a line break in it", k, r.Provider)
		}
		req.Header.Set(k, v)
	}
	if r.User != "" {
		req.SetBasicAuth(r.User, r.Password)
	}
	return req, nil
}

// failure gives an error of the network a code, without the address.
func failure(provider string, err error) error {
	var ours *errs.Error
	if errors.As(err, &ours) {
		code := ours.Code
		if code == errs.Denied { // an address that is not allowed will not be the next time either
			code = errs.Invalid
		}
		return errs.New(code, "%s: %s", provider, ours.Message)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return errs.Wrap(err, errs.Unavailable, "%s does not answer", provider)
}

// Err returns nil for a status of 2xx. A refusal that stays one is invalid; 408, 425, 429 and 5xx are unavailable and carry
// how long to wait when the answer says so.
func (r Reply) Err() error {
	switch {
	case r.Status >= 200 && r.Status < 300:
		return nil
	case r.Status == http.StatusTooManyRequests, r.Status == http.StatusRequestTimeout, r.Status == http.StatusTooEarly, r.Status >= 500:
		e := errs.New(errs.Unavailable, "%s answered %d", r.Provider, r.Status)
		e.Wait = r.Wait()
		return e
	}
	return errs.New(errs.Invalid, "%s answered %d", r.Provider, r.Status)
}

// Wait returns what Retry-After says, 0 when it says nothing. A date is read against the Date of the same answer.
func (r Reply) Wait() time.Duration {
	v := strings.TrimSpace(r.Header.Get("Retry-After"))
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return Seconds(s)
	}
	at, err := http.ParseTime(v)
	sent, err2 := http.ParseTime(r.Header.Get("Date"))
	if err != nil || err2 != nil {
		return 0
	}
	return Seconds(at.Sub(sent).Seconds())
}

// Seconds returns a number of seconds as a wait, between 0 and MaxWait.
func Seconds(s float64) time.Duration {
	switch {
	case !(s > 0): // also what is not a number
		return 0
	case s >= MaxWait.Seconds():
		return MaxWait
	}
	return time.Duration(s * float64(time.Second))
}

// Decode reads the answer as JSON.
func (r Reply) Decode(v any) error {
	if err := json.Unmarshal(r.Body, v); err != nil {
		return errs.New(errs.Unavailable, "%s answered %d with something that is not JSON", r.Provider, r.Status)
	}
	return nil
}
