package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"nightkeeper/internal/kit/event"
)

// Client speaks to the API with a token.
type Client struct {
	t     testing.TB
	base  func() string
	token string
}

// NewClient returns a client of a program that runs elsewhere.
func NewClient(t testing.TB, base, token string) *Client {
	return &Client{t: t, base: func() string { return base }, token: token}
}

// Answer is what came back.
type Answer struct {
	Status int
	Type   string
	Body   []byte
}

// Code returns the code of a problem, "" when there is none.
func (a Answer) Code() string {
	var p struct{ Code string }
	_ = json.Unmarshal(a.Body, &p) // what is no JSON has no code
	return p.Code
}

// Do makes a call; body is sent as JSON when it is not nil. The error is one of the connection.
func (c *Client) Do(method, path string, body any) (Answer, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base()+path, r)
	if err != nil {
		return Answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header.Get("Content-Type"), b}, err
}

// Call is Do that must reach the program.
func (c *Client) Call(method, path string, body any) Answer {
	c.t.Helper()
	a, err := c.Do(method, path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// Get reads a path into a value and must be answered with 200.
func Get[T any](c *Client, path string) (v T) {
	c.t.Helper()
	a := c.Call(http.MethodGet, path, nil)
	if a.Status != http.StatusOK {
		c.t.Fatalf("GET %s: %d %s", path, a.Status, a.Body)
	}
	if err := json.Unmarshal(a.Body, &v); err != nil {
		c.t.Fatalf("GET %s: %v in %s", path, err, a.Body)
	}
	return v
}

// Post makes a call that must succeed.
func (c *Client) Post(path string, body any) {
	c.t.Helper()
	if a := c.Call(http.MethodPost, path, body); a.Status/100 != 2 {
		c.t.Fatalf("POST %s: %d %s", path, a.Status, a.Body)
	}
}

// Await waits for a fact of a kind after a number, for which the program itself gives the signal.
func (c *Client) Await(kind string, after int64) event.Event {
	c.t.Helper()
	return c.AwaitWhere(kind, after, func(event.Event) bool { return true })
}

// AwaitWhere is Await for a fact that ok likes.
func (c *Client) AwaitWhere(kind string, after int64, ok func(e event.Event) bool) event.Event {
	c.t.Helper()
	var seen []string
	for end := time.Now().Add(Patience); time.Now().Before(end); {
		for _, e := range Get[[]event.Event](c, fmt.Sprintf("/api/v1/events?after=%d&wait=5", after)) {
			if after = e.Seq; e.Kind == kind && ok(e) {
				return e
			}
			seen = append(seen, e.Kind+": "+e.Text)
		}
	}
	c.t.Fatalf("no %s within %s; there was %q", kind, Patience, seen)
	return event.Event{}
}
