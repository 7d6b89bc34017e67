package inject

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

// client makes calls to addresses that are on its list, and to no others.
type client struct {
	http *http.Client
}

// answer is what a target said.
type answer struct {
	status int
	fields map[string]any // nil when it is no JSON object
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// gone reports whether the target says that there is no such fault.
func (a answer) gone() bool { return a.status == http.StatusNotFound || a.status == http.StatusGone }

// errNotSent says that a target has seen nothing of a call.
var errNotSent = errors.New("not sent")

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

func newClient(allow []netip.Prefix, timeout time.Duration) *client {
	control := func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		for _, p := range allow {
			if p.Contains(a.Addr().Unmap().WithZone("")) {
				return nil
			}
		}
		return fmt.Errorf("faults may not be injected at %s; the configuration does not allow it", a.Addr())
	}
	dialer := &net.Dialer{Timeout: timeout, Control: control}
	return &client{http: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
	}}
}

// do makes a call about the fault with this id.
func (c *client) do(ctx context.Context, call Call, id string) (answer, error) {
	var body io.Reader
	if call.Body != nil {
		b, err := json.Marshal(call.Body)
		if err != nil {
			return answer{}, fmt.Errorf("encode body: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, call.at(id), body)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	var sent atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}))
	res, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		if !sent.Load() {
			err = fmt.Errorf("%w: %w", errNotSent, err)
		}
		return answer{}, fmt.Errorf("%s %s: %w", call.Method, req.URL.Host, err)
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", call.Method, req.URL.Host, err)
	}
	a := answer{status: res.StatusCode}
	_ = json.Unmarshal(b, &a.fields) // an answer that is no object has no fields
	return a, nil
}
