package catalog

import (
	"slices"
	"time"
)

// Meta names a document.
type Meta struct {
	Name        string            `yaml:"name" json:"name"`
	DisplayName string            `yaml:"displayName" json:"display_name,omitempty"`
	Labels      map[string]string `yaml:"labels" json:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations" json:"annotations,omitempty"`
}

// Title returns the display name, or the name when there is none.
func (m Meta) Title() string {
	if m.DisplayName != "" {
		return m.DisplayName
	}
	return m.Name
}

// Tier says how much a service matters.
type Tier string

// Tiers and what they promise: 99.99, 99.95 and 99.9 %.
const (
	Critical     Tier = "critical"
	Standard     Tier = "standard"
	Experimental Tier = "experimental"
)

// Service is something that answers requests and has an owner.
type Service struct {
	Meta              `yaml:"-"`
	Team              string            `yaml:"team"`
	Tier              Tier              `yaml:"tier"`
	Description       string            `yaml:"description"`
	RevenuePerRequest float64           `yaml:"revenuePerRequest"` // in Currency, for one successful customer request
	Currency          string            `yaml:"currency"`
	DependsOn         []string          `yaml:"dependsOn"`        // declared dependencies; observed ones are added from traces
	EscalationPolicy  string            `yaml:"escalationPolicy"` // overrides the team's
	Control           string            `yaml:"control"`          // base URL of the service's remediation API
	Links             map[string]string `yaml:"links"`            // repository, dashboard, …
	Urgency           string            `yaml:"urgency"`          // high: pages at every hour; low: only in support hours; empty: by severity
	AutoResolve       Duration          `yaml:"autoResolve"`      // an alert from outside of which nothing is heard for so long is over; 0 means never
	AckTimeout        Duration          `yaml:"ackTimeout"`       // instead of the policy's
}

// Team owns services and is paged for them.
type Team struct {
	Meta             `yaml:"-"`
	Members          []string `yaml:"members"`
	EscalationPolicy string   `yaml:"escalationPolicy"`
	Manager          string   `yaml:"manager"`
	OnCall           string   `yaml:"onCall"` // schedule; without an escalationPolicy the usual one is made of it
	Backup           string   `yaml:"backup"` // schedule
}

// Contact is one way to reach a person.
type Contact struct {
	Channel string `yaml:"channel"` // one of Channels
	Address string `yaml:"address"`
}

// Person can be paged.
type Person struct {
	Meta     `yaml:"-"`
	TimeZone string       `yaml:"timeZone"`
	Contacts []Contact    `yaml:"contacts"`
	Notify   []NotifyRule `yaml:"notify"` // by which contact, how long after the page; empty: by all at once
}

// Target is somebody to page: exactly one of person, schedule, team and role is set.
type Target struct {
	Person   string `yaml:"person"`
	Schedule string `yaml:"schedule"`
	Team     string `yaml:"team"`
	Role     string `yaml:"role"` // manager: of the team that owns the service; or the name of a Role: who is on it now

	Severities []string `yaml:"severities"` // only for pages of these; empty means all
}

// Step is one rung of an escalation policy: it is taken After the step before it when nobody has acknowledged.
type Step struct {
	After   Duration `yaml:"after"`
	Targets []Target `yaml:"targets"`
}

// EscalationPolicy says who is paged, in which order, and how long a page may be held for a runbook.
type EscalationPolicy struct {
	Meta  `yaml:"-"`
	Steps []Step              `yaml:"steps"`
	Loops int                 `yaml:"loops"` // how often the steps are taken in all; default 3
	Hold  map[string]Duration `yaml:"hold"`  // per severity; default 2m

	AckTimeout   Duration      `yaml:"ackTimeout"` // an acknowledged page that is not resolved by then opens again; 0 means never
	PageAgain    *Duration     `yaml:"pageAgain"`  // when what still fires after a person said that it is over pages again; default 30m, 0 means never
	SupportHours *SupportHours `yaml:"supportHours"`
	KeepTickets  bool          `yaml:"keepTickets"` // a ticket whose alerts are over stays until somebody closes it

	made bool // of a chain or a role: it is for nobody's services
}

// DefaultHold is how long a page waits for a low-risk runbook when the policy does not say.
const DefaultHold = 2 * time.Minute

// HoldFor returns how long a page of the severity may be held.
func (p *EscalationPolicy) HoldFor(severity string) time.Duration {
	if p != nil {
		if d, ok := p.Hold[severity]; ok {
			return d.D()
		}
	}
	return DefaultHold
}

// BudgetPolicy says what happens to releases when an error budget is spent.
type BudgetPolicy struct {
	Meta       `yaml:"-"`
	Services   []string `yaml:"services"`   // names; empty means every service
	WarnAt     *float64 `yaml:"warnAt"`     // share of the budget spent at which the gate warns; default 0.8
	FreezeAt   *float64 `yaml:"freezeAt"`   // share of the budget spent at which releases stop; default 1
	LiftBelow  *float64 `yaml:"liftBelow"`  // share spent under which a freeze ends; default 0.8
	Allow      []string `yaml:"allow"`      // kinds of change that pass a freeze: rollback, security, reliability
	Owner      string   `yaml:"owner"`      // person who answers for the policy
	ReviewedOn Time     `yaml:"reviewedOn"` // last review
}

// Freeze returns FreezeAt and LiftBelow with their defaults.
func (p *BudgetPolicy) Freeze() (at, liftBelow float64) {
	at, liftBelow = 1, 0.8
	if p.FreezeAt != nil {
		at = *p.FreezeAt
	}
	if p.LiftBelow != nil {
		liftBelow = *p.LiftBelow
	}
	return at, liftBelow
}

// Warn returns WarnAt with its default.
func (p *BudgetPolicy) Warn() float64 {
	if p.WarnAt != nil {
		return *p.WarnAt
	}
	return 0.8
}

// Fault is what an experiment does to a share of the calls to its target.
type Fault struct {
	Kind    string   `yaml:"kind" json:"kind"` // latency or errors
	Latency Duration `yaml:"latency" json:"latency,omitempty"`
	Share   float64  `yaml:"share" json:"share"`
	From    string   `yaml:"from" json:"from,omitempty"` // only calls from this service
}

// Experiment is a fault on purpose, with a hypothesis and the condition that ends it early.
type Experiment struct {
	Meta       `yaml:"-"`
	Hypothesis string   `yaml:"hypothesis"`
	Target     string   `yaml:"target"`
	Fault      Fault    `yaml:"fault"`
	Duration   Duration `yaml:"duration"`
	Watch      []string `yaml:"watch"`      // SLOs that must hold
	AbortAbove float64  `yaml:"abortAbove"` // share of bad events of a watched SLO at which the fault ends; default 0.01
}

// Runbook is a Markdown file with front matter; Blocks are its fenced Starlark.
type Runbook struct {
	Meta     `yaml:"-"`
	File     string    `yaml:"-"`
	Heading  string    `yaml:"title"`
	Owner    string    `yaml:"owner"`
	Reviewed Time      `yaml:"reviewed"`
	Triggers []Trigger `yaml:"triggers"`
	Risk     Risk      `yaml:"risk"`
	Approval Duration  `yaml:"approval"` // how long an approval may wait; default 5m
	Text     string    `yaml:"-"`        // the Markdown without front matter
	Blocks   []Block   `yaml:"-"`
}

// Block is one fenced piece of Starlark and the line of the file it starts at.
type Block struct {
	Text string
	Line int
}

// Trigger says which incidents a runbook is for; set fields must all match.
type Trigger struct {
	Cause   string `yaml:"cause" json:"cause,omitempty"`     // kind of cause: retry_storm, bad_deploy, …
	Service string `yaml:"service" json:"service,omitempty"` // service named as the cause
	Line    int    `yaml:"-" json:"-"`                       // of the cause in the runbook's file: the kinds are known elsewhere
	Column  int    `yaml:"-" json:"-"`
}

// Risk says how much harm a runbook can do when it is wrong.
type Risk string

// Risks. A low-risk runbook runs by itself and may hold a page; the others ask first.
const (
	Low    Risk = "low"
	Medium Risk = "medium"
	High   Risk = "high"
)

// Document is where a declaration came from.
type Document struct {
	Kind, Name string
	File       string
	Line       int
}

// Catalog is everything declared. It never changes; maps are by name.
type Catalog struct {
	Services     map[string]*Service
	Teams        map[string]*Team
	People       map[string]*Person
	Schedules    map[string]*Schedule
	Policies     map[string]*EscalationPolicy
	SLOs         map[string]*SLO
	Budgets      map[string]*BudgetPolicy
	Experiments  map[string]*Experiment
	Runbooks     map[string]*Runbook
	AlertRules   map[string]*AlertRule
	Inhibitions  map[string]*Inhibition
	Integrations map[string]*Integration
	Heartbeats   map[string]*Heartbeat
	Regions      map[string]*Region
	Roles        map[string]*Role
	Handoffs     map[string]*Handoff
	Documents    []Document
	Hash         string // SHA-256 over all files, in hex

	docs map[string]placedDoc // by kind/name
}

// PolicyFor returns the escalation policy of a service: its own, its team's, or the only one there is.
func (c *Catalog) PolicyFor(service string) *EscalationPolicy {
	name := ""
	if s := c.Services[service]; s != nil {
		name = s.EscalationPolicy
		if t := c.Teams[s.Team]; name == "" && t != nil {
			name = t.EscalationPolicy
		}
	}
	if p := c.Policies[name]; p != nil {
		return p
	}
	if p := c.Policies["default"]; p != nil {
		return p
	}
	var only *EscalationPolicy
	for _, p := range c.Policies {
		if p.made {
			continue
		}
		if only != nil {
			return nil
		}
		only = p
	}
	return only
}

// TierOf returns the tier of a service; an unknown service is standard.
func (c *Catalog) TierOf(service string) Tier {
	if s := c.Services[service]; s != nil {
		return s.Tier
	}
	return Standard
}

// SLOsOf returns the SLOs of a service, in order of name.
func (c *Catalog) SLOsOf(service string) []*SLO {
	var out []*SLO
	for _, s := range c.SLOs {
		if s.Service == service {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *SLO) int { return compare(a.Name, b.Name) })
	return out
}

// BudgetFor returns the error-budget policy of a service: one that names it before one for every service.
func (c *Catalog) BudgetFor(service string) *BudgetPolicy {
	var general *BudgetPolicy
	for _, name := range sorted(c.Budgets) {
		p := c.Budgets[name]
		if slices.Contains(p.Services, service) {
			return p
		}
		if len(p.Services) == 0 && general == nil {
			general = p
		}
	}
	return general
}

// MayHold reports whether some low-risk runbook could be for an incident that begins at the service, so that its page
// may wait for it.
func (c *Catalog) MayHold() bool {
	for _, r := range c.Runbooks {
		if r.Risk == Low && len(r.Triggers) > 0 {
			return true
		}
	}
	return false
}

// RunbookFor returns the runbook for a cause: the one whose trigger says most about it, by name when two say the same.
func (c *Catalog) RunbookFor(cause, service string) *Runbook {
	var best *Runbook
	bestScore := 0
	for _, name := range sorted(c.Runbooks) {
		r := c.Runbooks[name]
		for _, t := range r.Triggers {
			if s := t.score(cause, service); s > bestScore {
				best, bestScore = r, s
			}
		}
	}
	return best
}

func (t Trigger) score(cause, service string) int {
	score := 0
	if t.Cause != "" {
		if t.Cause != cause {
			return 0
		}
		score += 2
	}
	if t.Service != "" {
		if t.Service != service {
			return 0
		}
		score++
	}
	return score
}
