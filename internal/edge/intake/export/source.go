package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page/convert"
)

// Config says what to read.
type Config struct {
	URL      string                                           // where the API is, without the path of its version
	Token    string                                           // never printed
	From, To time.Time                                        // for which who is on call is asked
	Client   *ask.Client                                      // default one that goes anywhere
	Pause    func(ctx context.Context, d time.Duration) error // default waits
	Tell     func(text string)                                // hears of waits and of what may not be read; default nobody
}

// Source reads one system.
type Source struct {
	Config
	name   string
	header map[string]string
}

func open(name string, c Config, header map[string]string) *Source {
	c.URL = strings.TrimRight(c.URL, "/")
	if c.Client == nil {
		c.Client = ask.New(http.DefaultTransport)
	}
	if c.Pause == nil {
		c.Pause = pause
	}
	if c.Tell == nil {
		c.Tell = func(string) {}
	}
	return &Source{c, name, header}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tries is how often one request is made; the waits between them grow from firstWait, and the other side may ask for more.
const (
	tries     = 8
	firstWait = time.Second
	timeout   = time.Minute
	pageSize  = 100
)

// get makes one request until it is answered or refused for good.
func (s *Source) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	address := s.URL + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	wait := firstWait
	for try := 1; ; try++ {
		once, cancel := context.WithTimeout(ctx, timeout)
		reply, err := s.Client.Do(once, ask.Request{Provider: s.name, Method: http.MethodGet, URL: address, Header: s.header})
		cancel()
		if err == nil {
			err = reply.Err()
		}
		switch {
		case err == nil && !json.Valid(reply.Body):
			return nil, errs.New(errs.Unavailable, "%s answered %s with something that is not JSON, or longer than 1 MiB", s.name, path)
		case err == nil:
			return reply.Body, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errs.CodeOf(err) != errs.Unavailable:
			return nil, refused{reply.Status, errs.New(errs.CodeOf(err), "%v (%s)", err, path)}
		case try == tries:
			return nil, errs.New(errs.Unavailable, "%v (%s), %d times", err, path, tries)
		}
		d := wait
		if asked := limit(reply); asked > 0 {
			d = asked
		}
		wait *= 2
		s.Tell(fmt.Sprintf("%v; trying again in %s", err, d))
		if err := s.Pause(ctx, d); err != nil {
			return nil, err
		}
	}
}

// limit returns how long an answer asks to wait: by Retry-After, or as PagerDuty says it.
func limit(r ask.Reply) time.Duration {
	if d := r.Wait(); d > 0 {
		return d
	}
	if r.Status != http.StatusTooManyRequests || r.Header == nil {
		return 0
	}
	var seconds float64
	if _, err := fmt.Sscan(r.Header.Get("Ratelimit-Reset"), &seconds); err != nil {
		return 0
	}
	return ask.Seconds(seconds)
}

// refused is an answer that stays the same.
type refused struct {
	status int
	error
}

// Unwrap returns the error with its code.
func (r refused) Unwrap() error { return r.error }

// add reads an answer into an export.
func (s *Source) add(ctx context.Context, e convert.Export, file, path string, query url.Values) ([]byte, error) {
	b, err := s.get(ctx, path, query)
	if err != nil {
		return nil, err
	}
	return b, e.Add(file, b)
}

// maybe is add for what a plan or a token may not have.
func (s *Source) maybe(ctx context.Context, e convert.Export, file, path string, query url.Values) error {
	_, err := s.add(ctx, e, file, path, query)
	var no refused
	if errors.As(err, &no) && (no.status == http.StatusPaymentRequired || no.status == http.StatusForbidden || no.status == http.StatusNotFound) {
		s.Tell(fmt.Sprintf("%s was not read: %v", strings.TrimSuffix(file, ".json"), err))
		return nil
	}
	return err
}

// most pages that are read of one list; more is a server that goes round in circles.
const most = 10_000

// pages reads a list page by page: more says whether there is another after an answer.
func (s *Source) pages(ctx context.Context, e convert.Export, file, path string, query func(page int) url.Values, more func(b []byte) bool) error {
	for page := range most {
		b, err := s.add(ctx, e, file, path, query(page))
		if err != nil || !more(b) {
			return err
		}
	}
	return errs.New(errs.Unavailable, "%s has more than %d pages of %s", s.name, most, path)
}

// ids returns the ids of the items of a kind, each once.
func ids(e convert.Export, kind string) []string {
	var out []string
	seen := map[string]bool{}
	for _, item := range e[kind] {
		var v struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(item.JSON, &v) == nil && v.ID != "" && !seen[v.ID] {
			seen[v.ID] = true
			out = append(out, v.ID)
		}
	}
	return out
}

func (s *Source) window(e convert.Export) error {
	b, err := json.Marshal(map[string]time.Time{"from": s.From, "to": s.To})
	if err != nil {
		return err
	}
	return e.Add("window.json", b)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
