package shop

import (
	"net/http"
	"time"
)

// ServiceState is how one service is doing, for the admin API.
type ServiceState struct {
	Name    string `json:"name"`
	Team    string `json:"team"`
	Tier    Tier   `json:"tier"`
	Address string `json:"address"`
	Version string `json:"version"`
	// Versions are what was deployed, oldest first.
	Versions   []string  `json:"versions"`
	InstanceID string    `json:"instance_id"`
	StartedAt  time.Time `json:"started_at"`
	Up         bool      `json:"up"`
	// Healthy is up, with at most one answer in twenty of the last ten seconds
	// an error or slower than two seconds.
	Healthy      bool              `json:"healthy"`
	Recent       RecentTraffic     `json:"last_10s"`
	Requests     int               `json:"requests"`
	Instances    int               `json:"instances"`
	Workers      SlotState         `json:"workers"`
	Queue        SlotState         `json:"queue"`
	Dependencies []DependencyState `json:"dependencies,omitempty"`
	Connections  *SlotState        `json:"connections,omitempty"`
}

// RecentTraffic is what a service answered in the last ten seconds.
type RecentTraffic struct {
	Requests int `json:"requests"`
	// Bad are errors and answers that took longer than two seconds.
	Bad int `json:"bad"`
}

// SlotState is how much of something limited is in use.
type SlotState struct {
	InUse int `json:"in_use"`
	Limit int `json:"limit"`
}

// DependencyState is how a service calls one other.
type DependencyState struct {
	Name string `json:"name"`
	Pool struct {
		InUse      int `json:"in_use"`
		Size       int `json:"size"`
		Waiting    int `json:"waiting"`
		Configured int `json:"configured"`
	} `json:"pool"`
	Breaker struct {
		State string `json:"state"`
		// Mode is "auto", or "open" or "closed" when it was set by hand.
		Mode string `json:"mode"`
	} `json:"breaker"`
	RetryBudget budgetLimits `json:"retry_budget"`
	Retries     int64        `json:"retries"`
}

func (s *service) view(now time.Time) ServiceState {
	id, workers, traffic := s.identity.Load(), s.workers.state(), s.traffic.state(now)
	v := ServiceState{
		Name: s.spec.Name, Team: s.spec.Team, Tier: s.spec.Tier, Address: *s.address.Load(),
		Version: id.version, InstanceID: id.instance, StartedAt: id.started, Up: s.up(),
		Recent: RecentTraffic{traffic.recent, traffic.recentBad}, Requests: traffic.total, Instances: s.instanceCount(),
		Workers: SlotState{workers.busy, workers.limit}, Queue: SlotState{workers.waiting, s.spec.QueueLimit},
	}
	v.Healthy = v.Up && traffic.healthy()
	s.mu.Lock()
	v.Versions = append(v.Versions, s.versions...)
	s.mu.Unlock()
	if s.conns != nil {
		v.Connections = &SlotState{int(s.conns.open.Load()), int(s.conns.limit.Load())}
	}
	for _, c := range s.clients {
		d := DependencyState{Name: c.spec.Name, RetryBudget: c.budget.current(), Retries: c.retries.Load()}
		pool := c.pool.state()
		d.Pool.InUse, d.Pool.Size, d.Pool.Waiting, d.Pool.Configured = pool.busy, pool.limit, pool.waiting, c.spec.Pool
		mode, state := c.breaker.state(now)
		d.Breaker.Mode, d.Breaker.State = string(mode), state
		v.Dependencies = append(v.Dependencies, d)
	}
	return v
}

func (s *Shop) listServices(*http.Request) (any, error) {
	now := time.Now()
	var all []ServiceState
	for _, svc := range byName(s.directory) {
		all = append(all, svc.view(now))
	}
	return all, nil
}

func (s *Shop) getService(r *http.Request) (any, error) {
	svc, err := s.named(r)
	if err != nil {
		return nil, err
	}
	return svc.view(time.Now()), nil
}
