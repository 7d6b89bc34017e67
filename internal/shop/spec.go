package shop

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// databaseName is the service which plays the database.
const databaseName = "shop-db"

// preferencesName is the service whose slowness takes the shop down.
const preferencesName = "user-preferences-api"

// Tier says how much the business depends on a service.
type Tier string

// The three tiers.
const (
	Critical     Tier = "critical"
	Standard     Tier = "standard"
	Experimental Tier = "experimental"
)

// ServiceSpec is what is configured for one service.
type ServiceSpec struct {
	Name    string `json:"name"`
	Team    string `json:"team"`
	Tier    Tier   `json:"tier"`
	Version string `json:"version"`
	// Latency is the time the service's own work takes.
	Latency time.Duration `json:"latency"`
	// Workers is how many requests one instance works on at a time.
	Workers int `json:"workers"`
	// Instances multiplies Workers and, for the database, ConnLimit.
	Instances int `json:"instances"`
	// QueueLimit is how many requests may wait for a worker.
	QueueLimit int `json:"queue_limit"`
	// QueueTimeout is how long a request may wait for a worker.
	QueueTimeout time.Duration `json:"queue_timeout"`
	// ConnLimit is how many connections one instance accepts; zero is unlimited.
	ConnLimit int `json:"conn_limit,omitempty"`
	// RevenuePerRequest is in dollars; only services that customers call have it.
	RevenuePerRequest float64     `json:"revenue_per_request,omitempty"`
	Routes            []RouteSpec `json:"routes"`
	Deps              []DepSpec   `json:"deps,omitempty"`
}

// RouteSpec is one operation of a service.
type RouteSpec struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	// Plan is what the route calls: steps separated by "|" one after the other,
	// calls within a step joined by "+" at the same time. "name/path" calls
	// another route than the first. "shop-db:tx", as the only call of the first
	// step, opens a transaction and keeps its connection until the request ends.
	Plan string `json:"plan,omitempty"`
}

// DepSpec is how a service calls another one.
type DepSpec struct {
	Name    string        `json:"name"`
	Timeout time.Duration `json:"timeout"`
	// Retries is how often a failed call is tried again, with exponential
	// backoff and jitter starting at Backoff.
	Retries int           `json:"retries"`
	Backoff time.Duration `json:"backoff"`
	// RetryPercent limits retries to a share of the calls of the last ten
	// seconds; negative is unlimited.
	RetryPercent float64 `json:"retry_percent"`
	// Pool is how many connections there may be; PoolWait how long a call waits
	// for one.
	Pool     int           `json:"pool"`
	PoolWait time.Duration `json:"pool_wait"`
	Breaker  BreakerSpec   `json:"breaker"`
	// Fallback says that the service answers with defaults when the call fails.
	Fallback bool `json:"fallback"`
}

// BreakerSpec is the configuration of a circuit breaker.
type BreakerSpec struct {
	Disabled bool `json:"disabled"`
	// Share of failures, over at least MinCalls in Window, that opens it.
	Share    float64       `json:"share"`
	MinCalls int           `json:"min_calls"`
	Window   time.Duration `json:"window"`
	// OpenFor is how long it stays open before Probes calls are let through.
	OpenFor time.Duration `json:"open_for"`
	Probes  int           `json:"probes"`
}

// Topology returns the configured services, in a copy the caller may change.
func Topology() []ServiceSpec { return table() }

// call is one element of a parsed plan.
type call struct {
	dep  string
	path string // empty for the first route
	tx   bool
}

// parsePlan reads the notation described at RouteSpec.Plan.
func parsePlan(text string) ([][]call, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var steps [][]call
	for _, step := range strings.Split(text, "|") {
		var calls []call
		for _, word := range strings.Split(step, "+") {
			c := call{dep: strings.TrimSpace(word)}
			if name, ok := strings.CutSuffix(c.dep, ":tx"); ok {
				c.dep, c.tx = name, true
			}
			if name, path, ok := strings.Cut(c.dep, "/"); ok {
				c.dep, c.path = name, "/"+path
			}
			if c.dep == "" {
				return nil, fmt.Errorf("plan %q: empty call", text)
			}
			if c.tx && (c.dep != databaseName || len(steps) > 0 || len(calls) > 0) {
				return nil, fmt.Errorf("plan %q: only %s has transactions, and only as the first call", text, databaseName)
			}
			calls = append(calls, c)
		}
		if calls[0].tx && len(calls) > 1 {
			return nil, fmt.Errorf("plan %q: a transaction is opened before anything else", text)
		}
		steps = append(steps, calls)
	}
	return steps, nil
}

// checkTopology refuses a table whose plans, dependencies and routes do not fit.
func checkTopology(specs []ServiceSpec) error {
	routes := make(map[string][]string, len(specs))
	for _, s := range specs {
		if _, twice := routes[s.Name]; twice {
			return fmt.Errorf("service %s is in the topology twice", s.Name)
		}
		for _, r := range s.Routes {
			routes[s.Name] = append(routes[s.Name], r.Path)
		}
		if len(s.Routes) == 0 {
			return fmt.Errorf("service %s has no route", s.Name)
		}
	}
	for _, s := range specs {
		if err := checkService(s, routes); err != nil {
			return fmt.Errorf("service %s: %w", s.Name, err)
		}
	}
	return nil
}

func checkService(s ServiceSpec, routes map[string][]string) error {
	used := make(map[string]bool, len(s.Deps))
	for _, r := range s.Routes {
		steps, err := parsePlan(r.Plan)
		if err != nil {
			return err
		}
		for _, c := range slices.Concat(steps...) {
			used[c.dep] = true
			if !slices.ContainsFunc(s.Deps, func(d DepSpec) bool { return d.Name == c.dep }) {
				return fmt.Errorf("route %s calls %s, which is not among the dependencies", r.Path, c.dep)
			}
			if c.path != "" && !slices.Contains(routes[c.dep], c.path) {
				return fmt.Errorf("route %s calls %s%s, which does not exist", r.Path, c.dep, c.path)
			}
		}
	}
	for _, d := range s.Deps {
		if !used[d.Name] {
			return fmt.Errorf("dependency %s is never called", d.Name)
		}
		if routes[d.Name] == nil {
			return fmt.Errorf("dependency %s does not exist", d.Name)
		}
	}
	return nil
}
