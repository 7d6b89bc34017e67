package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"nightkeeper/internal/kit/errs"
)

// client speaks to Serve over a unix socket.
type client struct {
	http *http.Client
}

func newClient(socket string) *client {
	return &client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// post sends a body and returns that of the answer. An error is an *errs.Error when it came from the engine; any other
// error means that nobody knows whether the engine got the request.
func (c *client) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	return c.do(ctx, http.MethodPost, path, body)
}

func (c *client) ping(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodGet, pathPing, nil)
	return err
}

func (c *client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return got, nil
	}
	var f failure
	if err := json.Unmarshal(got, &f); err != nil || f.Code == "" {
		return nil, fmt.Errorf("telemetry engine answered %s", res.Status)
	}
	return nil, errs.Wrap(errors.New(f.Cause), f.Code, "%s", f.Message)
}

// ask sends a question and decodes the rows of the answer.
func ask[T any](ctx context.Context, c *client, path string, q question, decode func([]byte) ([]T, error)) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	body, err := json.Marshal(q)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "question is not readable")
	}
	got, err := c.post(ctx, path, body)
	if err != nil {
		var known *errs.Error
		switch {
		case errors.As(err, &known):
			return nil, known
		case ctx.Err() != nil:
			return nil, queryEnded(ctx)
		}
		return nil, errs.Wrap(err, errs.Unavailable, restarting)
	}
	rows, err := decode(got)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "telemetry answer is not readable")
	}
	return rows, nil
}
