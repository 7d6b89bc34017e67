package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// people is a team with a webhook for each of them, and when each was called first.
type people struct {
	url    string
	server *http.Server

	mu     sync.Mutex
	called map[string]time.Time
	calls  int
}

func newPeople() (*people, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &people{url: "http://" + l.Addr().String(), called: map[string]time.Time{}}
	p.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.calls++
		who := strings.TrimPrefix(r.URL.Path, "/")
		if p.called[who].IsZero() {
			p.called[who] = time.Now()
		}
	})}
	go p.server.Serve(l) //nolint:errcheck // it ends with Close
	return p, nil
}

// wait returns when n people were called, and how many were by then.
func (p *people) wait(ctx context.Context, n int, patience time.Duration) int {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		p.mu.Lock()
		got := len(p.called)
		p.mu.Unlock()
		if got >= n {
			return got
		}
		select {
		case <-ctx.Done():
			return got
		case <-tick.C:
		}
	}
}

// declare writes a catalog file.
func declare(dir string, docs ...string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(strings.Join(docs, "\n---\n")), 0o600)
}

func person(name, url string) string {
	return fmt.Sprintf("apiVersion: nightkeeper/v1\nkind: Person\nmetadata: {name: %s}\nspec: {contacts: [{channel: webhook, address: %s/%s}]}", name, url, name)
}

func policy(name, target string) string {
	return fmt.Sprintf("apiVersion: nightkeeper/v1\nkind: EscalationPolicy\nmetadata: {name: %s}\nspec: {loops: 1, steps: [{targets: [%s]}]}", name, target)
}

const (
	pageRate = 100 // alerts a second
	pageTime = 30 * time.Second
)

// page sends alerts at a steady rate, each about another service with its own policy and person: the worst case, in which
// every alert is an incident and a page. It prints the time from the answer that an alert was accepted to the first message.
func (b *bench) page(ctx context.Context, dir string) (err error) {
	n := pageRate * int(pageTime/time.Second)
	team, err := newPeople()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, team.server.Close()) }()
	var docs []string
	for i := range n {
		name := fmt.Sprintf("p%d", i)
		docs = append(docs, person(name, team.url), policy(name, "{person: "+name+"}"),
			fmt.Sprintf("apiVersion: nightkeeper/v1\nkind: Service\nmetadata: {name: s%d}\nspec: {team: all, escalationPolicy: %s}", i, name))
	}
	docs = append(docs, "apiVersion: nightkeeper/v1\nkind: Team\nmetadata: {name: all}\nspec: {members: [p0], escalationPolicy: p0}")
	if err := declare(filepath.Join(dir, "catalog"), docs...); err != nil {
		return err
	}
	s, err := b.serve(ctx, filepath.Join(dir, "data"), filepath.Join(dir, "catalog"), "--allow-outgoing", "127.0.0.0/8")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	accepted, fails := make([]time.Time, n), make([]error, n)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: time.Minute}
	tick := time.NewTicker(time.Second / pageRate)
	defer tick.Stop()
	var all sync.WaitGroup
	for i := range n {
		<-tick.C
		all.Go(func() {
			fails[i] = post(ctx, client, s.url+"/alertmanager/api/v2/alerts", s.token,
				fmt.Sprintf(`[{"labels":{"alertname":"Down%d","service":"s%d","severity":"critical"},"endsAt":"2036-11-27T03:09:00Z"}]`, i, i))
			accepted[i] = time.Now()
		})
	}
	all.Wait()
	if err := errors.Join(fails...); err != nil {
		return err
	}
	got := team.wait(ctx, n, time.Minute)
	var took []float64
	for i, at := range accepted {
		if called := team.called[fmt.Sprintf("p%d", i)]; !called.IsZero() {
			took = append(took, called.Sub(at).Seconds())
		}
	}
	fmt.Printf("%-44s %9d of %d\n", fmt.Sprintf("people called, %d alerts/s", pageRate), got, n)
	b.line("accepted alert to first message, p50", median(took), "s", 0.3)
	b.line("accepted alert to first message, p99", quantile(took, 0.99), "s", 2)
	return nil
}

const crowd = 1300

// fanout calls everybody of a large team at once.
func (b *bench) fanout(ctx context.Context, dir string) (err error) {
	team, err := newPeople()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, team.server.Close()) }()
	var docs, members []string
	for i := range crowd {
		name := fmt.Sprintf("p%d", i)
		members = append(members, name)
		docs = append(docs, person(name, team.url))
	}
	docs = append(docs, policy("default", "{team: all}"),
		"apiVersion: nightkeeper/v1\nkind: Team\nmetadata: {name: all}\nspec: {members: ["+strings.Join(members, ", ")+"]}")
	if err := declare(filepath.Join(dir, "catalog"), docs...); err != nil {
		return err
	}
	s, err := b.serve(ctx, filepath.Join(dir, "data"), filepath.Join(dir, "catalog"), "--allow-outgoing", "127.0.0.0/8")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	body := `[{"labels":{"alertname":"Down","severity":"critical"},"endsAt":"2036-11-27T03:09:00Z"}]`
	began := time.Now()
	if err := post(ctx, http.DefaultClient, s.url+"/alertmanager/api/v2/alerts", s.token, body); err != nil {
		return err
	}
	got := team.wait(ctx, crowd, 3*time.Minute)
	b.line(fmt.Sprintf("%d of %d people called", got, crowd), time.Since(began).Seconds(), "s", 60)
	if got < crowd {
		return fmt.Errorf("%d people were not called", crowd-got)
	}
	return nil
}

const (
	manyAlerts = 100_000
	manyLooks  = 50
)

// many lists alerts when there are very many.
func (b *bench) many(ctx context.Context, dir string) (err error) {
	if err := declare(filepath.Join(dir, "catalog"), person("ada", "http://127.0.0.1:1"), policy("default", "{person: ada}")); err != nil {
		return err
	}
	if err := os.Setenv("NIGHTKEEPER_ADMIN_PASSWORD", adminPassword); err != nil {
		return err
	}
	s, err := b.serve(ctx, filepath.Join(dir, "data"), filepath.Join(dir, "catalog"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if _, err := pour(ctx, s.url+"/alertmanager/api/v2/alerts", s.token, 4, 0, (manyAlerts+batch-1)/batch); err != nil {
		return err
	}
	browser, err := signIn(s)
	if err != nil {
		return err
	}
	for _, look := range []struct{ what, path string }{
		{"page of alerts", "/alerts"},
		{"page of alerts, searched", "/alerts?text=checkout-99-"},
		{"page of alerts, matched", "/alerts?match=instance%3D%2210.1.7.7%3A9100%22"},
		{"alerts by the API", "/api/v1/alerts?limit=100"},
	} {
		var took []float64
		for range manyLooks {
			began := time.Now()
			if err := get(ctx, browser, s, look.path); err != nil {
				return err
			}
			took = append(took, ms(time.Since(began)))
		}
		b.line(look.what+fmt.Sprintf(" of %d, p95", manyAlerts), quantile(took, 0.95), "ms", 300)
	}
	own, engine := s.memory()
	b.line(fmt.Sprintf("memory with %d active alerts", manyAlerts), own+engine, "MB", 1024)
	return nil
}

const adminPassword = "measured-on-loopback-only"

// signIn returns a client that is signed in to the pages.
func signIn(s *server) (*http.Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	c := &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.PostForm(s.url+"/login", url.Values{"name": {"admin"}, "password": {adminPassword}})
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		return nil, fmt.Errorf("signing in is answered %s", resp.Status)
	}
	return c, nil
}

// get reads a page or an answer of the API to its end.
func get(ctx context.Context, c *http.Client, s *server, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return err
	}
	if strings.HasPrefix(path, "/api/") {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return nil
}
