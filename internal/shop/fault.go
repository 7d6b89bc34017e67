package shop

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// FaultKind is a way in which a service can be broken.
type FaultKind string

// The kinds of faults. What each does is described in docs/shop.md.
const (
	Slow        FaultKind = "slow"
	Errors      FaultKind = "errors"
	Crash       FaultKind = "crash"
	Hang        FaultKind = "hang"
	SmallPool   FaultKind = "small_pool"
	BadVersion  FaultKind = "bad_version"
	CorruptData FaultKind = "corrupt_data"
	Surge       FaultKind = "surge"
)

// FaultKinds lists all kinds.
func FaultKinds() []FaultKind {
	return []FaultKind{Slow, Errors, Crash, Hang, SmallPool, BadVersion, CorruptData, Surge}
}

// Duration is a time.Duration that reads and writes like "500ms" in JSON.
type Duration time.Duration

// UnmarshalJSON reads a duration as text.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf(`duration %s: write it as text, such as "500ms" or "10s"`, data)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < 0 {
		return fmt.Errorf(`duration %q: write it like "500ms" or "10s"`, text)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalJSON writes a duration as text.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String()) //nolint:wrapcheck // cannot fail
}

// ownID is what an id that a caller chooses may look like.
var ownID = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)

// FaultSpec is what is asked for when a fault is started.
type FaultSpec struct {
	// OwnID is an id that the caller chooses, so that it can end the fault even
	// when it never saw the answer; left out, one is made. The same id again is
	// the same fault.
	OwnID   string    `json:"id,omitzero"`
	Kind    FaultKind `json:"kind"`
	Service string    `json:"service"`
	// Latency replaces the service's own time (slow); Add is added to it.
	Latency Duration `json:"latency,omitzero"`
	Add     Duration `json:"add,omitzero"`
	// Share of requests that are affected, from 0 to 1; left out, all are
	// (bad_version: 0.3).
	Share *float64 `json:"share,omitempty"`
	// Status is what is answered (errors); 500 when left out.
	Status int `json:"status,omitzero"`
	// Size of the pools (small_pool); Dependency narrows it to one of them.
	Size       int    `json:"size,omitzero"`
	Dependency string `json:"dependency,omitzero"`
	// Version is the bad version; made up when left out.
	Version string `json:"version,omitzero"`
	// Factor by which the traffic is multiplied (surge).
	Factor float64 `json:"factor,omitzero"`
	// From limits slow and errors to the calls of one caller.
	From string `json:"from,omitzero"`
	// Lease ends the fault unless it is renewed in time.
	Lease Duration `json:"lease,omitzero"`
	// Duration ends the fault in any case.
	Duration Duration `json:"duration,omitzero"`
}

// Fault is a fault that was started.
type Fault struct {
	ID string `json:"id"`
	FaultSpec
	Started time.Time `json:"started_at"`
	// Expires is when the lease is over; zero without a lease.
	Expires time.Time `json:"lease_until,omitzero"`
	Ended   time.Time `json:"ended_at,omitzero"`
	// EndedBy is "delete", "lease", "duration", "restart", "rollback" or "deploy".
	EndedBy string `json:"ended_by,omitzero"`
	Active  bool   `json:"active"`
}

// due says whether the fault has to end now, and why.
func (f Fault) due(now time.Time) (reason string, due bool) {
	switch {
	case !f.Active:
		return "", false
	case f.Duration > 0 && !now.Before(f.Started.Add(time.Duration(f.Duration))):
		return "duration", true
	case !f.Expires.IsZero() && !now.Before(f.Expires):
		return "lease", true
	}
	return "", false
}

// share returns the share of affected requests.
func (f FaultSpec) share() float64 {
	switch {
	case f.Share != nil:
		return *f.Share
	case f.Kind == BadVersion:
		return 0.3
	}
	return 1
}

// used lists the fields a kind understands, beside kind, service, lease and duration.
func (k FaultKind) used() []string {
	switch k {
	case Slow:
		return []string{"latency", "add", "share", "from"}
	case Errors:
		return []string{"share", "status", "from"}
	case SmallPool:
		return []string{"size", "dependency"}
	case BadVersion:
		return []string{"version", "share"}
	case CorruptData:
		return []string{"share"}
	case Surge:
		return []string{"factor"}
	default:
		return nil
	}
}

// given lists the optional fields that have a value.
func (f FaultSpec) given() []string {
	var names []string
	for name, set := range map[string]bool{
		"latency": f.Latency != 0, "add": f.Add != 0, "share": f.Share != nil, "status": f.Status != 0, "size": f.Size != 0,
		"dependency": f.Dependency != "", "version": f.Version != "", "factor": f.Factor != 0, "from": f.From != "",
	} {
		if set {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// check refuses a fault that makes no sense and says what would be right.
func (f FaultSpec) check(directory map[string]*service) error {
	if !ownID.MatchString(f.OwnID) {
		return badRequest(`id %q: use at most 64 letters, digits, "-" and "_", or leave it out`, f.OwnID)
	}
	if !slices.Contains(FaultKinds(), f.Kind) {
		return badRequest("unknown kind %q: use one of %s", f.Kind, join(FaultKinds()))
	}
	target := directory[f.Service]
	if target == nil {
		return badRequest("unknown service %q: see GET /services", f.Service)
	}
	for _, name := range f.given() {
		if !slices.Contains(f.Kind.used(), name) {
			return badRequest("kind %s has no %q: it takes %s", f.Kind, name, join(append(f.Kind.used(), "lease", "duration")))
		}
	}
	if f.Share != nil && (*f.Share <= 0 || *f.Share > 1) {
		return badRequest("share %v: use more than 0 and at most 1", *f.Share)
	}
	if f.From != "" {
		caller := directory[f.From]
		if caller == nil || caller.client(f.Service) == nil {
			return badRequest("from %q: this service does not call %s", f.From, f.Service)
		}
	}
	return f.checkValues(target)
}

func (f FaultSpec) checkValues(target *service) error {
	const longest = Duration(time.Minute)
	switch f.Kind {
	case Slow:
		if (f.Latency == 0) == (f.Add == 0) || f.Latency > longest || f.Add > longest {
			return badRequest(`slow needs either "latency" (the new time) or "add" (on top), such as "500ms", at most 1m`)
		}
	case Errors:
		if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
			return badRequest("status %d: use 400 to 599", f.Status)
		}
	case SmallPool:
		if f.Size < 1 || f.Size > 1000 {
			return badRequest(`small_pool needs "size" from 1 to 1000`)
		}
		if f.Dependency != "" && target.client(f.Dependency) == nil {
			return badRequest("%s does not call %q: it calls %s", f.Service, f.Dependency, join(target.dependencies()))
		}
		if len(target.clients) == 0 {
			return badRequest("%s calls nobody and has no pool", f.Service)
		}
	case BadVersion:
		if f.Version != "" && !versionText(f.Version) {
			return badRequest("version %q: use letters, digits, dots and dashes", f.Version)
		}
		if f.Version == target.version() {
			return badRequest("version %s runs already: use another one", f.Version)
		}
	case Surge:
		if f.Factor <= 1 || f.Factor > 100 {
			return badRequest(`surge needs "factor" of more than 1 and at most 100`)
		}
	default:
	}
	return nil
}

// dependencies lists what the service calls.
func (s *service) dependencies() []string {
	var names []string
	for _, c := range s.clients {
		names = append(names, c.spec.Name)
	}
	return names
}

// join lists things for people.
func join[T ~string](things []T) string {
	words := make([]string, len(things))
	for i, t := range things {
		words[i] = string(t)
	}
	return strings.Join(words, ", ")
}
