package inject

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
)

// Call is one HTTP request to the fault API of a target. {id} in the URL stands for the id of the fault.
type Call struct {
	Method string         `json:"method"`
	URL    string         `json:"url"`
	Body   map[string]any `json:"body,omitempty"` // sent as JSON
	Expect []Expect       `json:"expect,omitempty"`
}

// Expect is one answer that fits: a status, or a field of a JSON object, or both.
type Expect struct {
	Status int    `json:"status,omitempty"` // 0 is any 2xx
	Field  string `json:"field,omitempty"`
	Equals any    `json:"equals,omitempty"` // of the field; nil also fits a field that is not there
}

// Fault is what is done to a target, and how it is undone.
type Fault struct {
	ID       string        `json:"id"`       // chosen by us, sent as "id" in the body of Inject; empty: one is made
	Inject   Call          `json:"inject"`   // its answer may have an "id" of the target's own
	Renew    Call          `json:"renew"`    // sent every third of Lease; may be empty when the target has no lease
	Revert   Call          `json:"revert"`   // may be sent more than once
	Probe    Call          `json:"probe"`    // any of its Expect means that the fault is gone; default: 404, or active is false
	Lease    time.Duration `json:"lease"`    // how long the fault outlives the last sign of the parent
	Deadline time.Duration `json:"deadline"` // how long it may last in all
}

// maxDeadline bounds what a slip in a unit can do.
const maxDeadline = 24 * time.Hour

// check returns the fault with its defaults, or what is wrong with it.
func (f Fault) check() (Fault, error) {
	if f.Lease <= 0 || f.Deadline <= 0 || f.Deadline > maxDeadline {
		return f, errs.New(errs.Invalid, "a fault needs a lease and a deadline of at most %s", maxDeadline)
	}
	data, err := json.Marshal(f)
	if err != nil {
		return f, errs.Wrap(err, errs.Invalid, "the fault cannot be written as JSON")
	}
	f = Fault{}
	if err := json.Unmarshal(data, &f); err != nil { // a copy with the types that answers have
		return f, errs.Wrap(err, errs.Internal, "the fault cannot be read back")
	}
	if own, ok := f.Inject.Body["id"].(string); ok {
		f.ID = own
	}
	if strings.ContainsAny(f.ID, "/\\. \x00") {
		return f, errs.New(errs.Invalid, "the id %q of a fault must be one plain word", f.ID)
	}
	for name, c := range map[string]Call{"inject": f.Inject, "revert": f.Revert, "probe": f.Probe, "renew": f.Renew} {
		if c.URL == "" && name == "renew" {
			continue
		}
		u, err := url.Parse(c.at("x"))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return f, errs.New(errs.Invalid, "the call to %s a fault needs an http URL", name)
		}
	}
	set := func(method *string, to string) {
		if *method == "" {
			*method = to
		}
	}
	set(&f.Inject.Method, http.MethodPost)
	set(&f.Renew.Method, http.MethodPut)
	set(&f.Revert.Method, http.MethodDelete)
	set(&f.Probe.Method, http.MethodGet)
	if len(f.Probe.Expect) == 0 {
		f.Probe.Expect = []Expect{{Status: http.StatusNotFound}, {Field: "active", Equals: false}}
	}
	return f, nil
}

// injection is the call that makes the fault, with our id in its body.
func (f Fault) injection() Call {
	c := f.Inject
	c.Body = maps.Clone(c.Body)
	if c.Body == nil {
		c.Body = map[string]any{}
	}
	c.Body["id"] = f.ID
	return c
}

// at returns the URL for an id.
func (c Call) at(id string) string { return strings.ReplaceAll(c.URL, "{id}", url.PathEscape(id)) }

// fits reports whether an answer is one of those expected.
func (c Call) fits(a answer) bool {
	for _, e := range c.Expect {
		if e.Status == 0 && !a.ok() || e.Status != 0 && e.Status != a.status {
			continue
		}
		if e.Field == "" || a.fields != nil && reflect.DeepEqual(a.fields[e.Field], e.Equals) {
			return true
		}
	}
	return false
}

// Why says what ended a fault.
type Why string

// What ends a fault.
const (
	Ended          Why = "ended"             // End or Stop was called
	ParentGone     Why = "parent gone"       // the program that asked for it died
	LeaseLost      Why = "lease not renewed" // that program hangs
	DeadlinePassed Why = "deadline passed"   //
	TargetLostIt   Why = "target lost it"    // it expired there, or the target was restarted
	Signalled      Why = "helper signalled"  // somebody asked the helper to go
	HelperGone     Why = "helper gone"       // the parent reverted it
	NotInjected    Why = "not injected"      // the target said no, or nothing
	Swept          Why = "swept"             // found in the ledger at the start
)

// Reverted is the end of one fault.
type Reverted struct {
	ID    string `json:"id"`
	Why   Why    `json:"why"`
	Tries int    `json:"tries"`
	Error string `json:"error,omitempty"` // not empty: it is not known to be gone, and its ledger entry is kept
}

// err is the error of a fault that is not known to be gone.
func (r Reverted) err() error {
	if r.Error == "" {
		return nil
	}
	return errs.New(errs.Unavailable, "fault %s (%s) is not known to be gone after %d tries: %s", r.ID, r.Why, r.Tries, r.Error)
}
