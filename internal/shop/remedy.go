package shop

import (
	"net/http"
	"regexp"
	"time"
)

const (
	mostInstances = 200
	mostPool      = 1000
)

// versionText is what a version may look like.
func versionText(v string) bool {
	ok, err := regexp.MatchString(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$`, v)
	return ok && err == nil
}

// named returns the service of the request's path.
func (s *Shop) named(r *http.Request) (*service, error) {
	name := r.PathValue("name")
	if svc := s.directory[name]; svc != nil {
		return svc, nil
	}
	return nil, notFound("unknown service %q: see GET /services", name)
}

// dependency returns the service and the client of the request's path.
func (s *Shop) dependency(r *http.Request) (*service, *client, error) {
	svc, err := s.named(r)
	if err != nil {
		return nil, nil, err
	}
	name := r.PathValue("dependency")
	if c := svc.client(name); c != nil {
		return svc, c, nil
	}
	return nil, nil, notFound("%s does not call %q: it calls %s", svc.spec.Name, name, join(svc.dependencies()))
}

// done is the answer of an action on one service: its state afterwards.
func done(svc *service, changed bool) result {
	return result{changed: changed, answer: map[string]any{"changed": changed, "service": svc.view(time.Now())}}
}

func (s *Shop) putScale(r *http.Request, body []byte) (result, error) {
	svc, err := s.named(r)
	if err != nil {
		return result{}, err
	}
	var in struct {
		Instances int `json:"instances"`
	}
	if err := decode(body, &in); err != nil {
		return result{}, err
	}
	if in.Instances < 1 || in.Instances > mostInstances {
		return result{}, badRequest("instances %d: use 1 to %d", in.Instances, mostInstances)
	}
	return done(svc, svc.scale(in.Instances)), nil
}

func (s *Shop) putPool(r *http.Request, body []byte) (result, error) {
	svc, c, err := s.dependency(r)
	if err != nil {
		return result{}, err
	}
	var in struct {
		Size int `json:"size"`
	}
	if err := decode(body, &in); err != nil {
		return result{}, err
	}
	if in.Size < 1 || in.Size > mostPool {
		return result{}, badRequest("size %d: use 1 to %d", in.Size, mostPool)
	}
	return done(svc, c.setOverride(&sizing{in.Size, time.Now()})), nil
}

// breakerBody is what sets a breaker.
type breakerBody struct {
	State breakerMode `json:"state"`
}

func (b breakerBody) check() error {
	switch b.State {
	case breakerOpen, breakerClosed, breakerAuto:
		return nil
	}
	return badRequest("state %q: use open, closed or auto", b.State)
}

func (s *Shop) putBreaker(r *http.Request, body []byte) (result, error) {
	svc, c, err := s.dependency(r)
	if err != nil {
		return result{}, err
	}
	var in breakerBody
	if err := decode(body, &in); err != nil {
		return result{}, err
	}
	if err := in.check(); err != nil {
		return result{}, err
	}
	return done(svc, c.breaker.force(in.State)), nil
}

// budgetBody is what sets a retry budget.
type budgetBody struct {
	Dependency string   `json:"dependency"`
	MaxRetries *int     `json:"max_retries"`
	Percent    *float64 `json:"percent"`
}

func (b budgetBody) check() error {
	switch {
	case b.MaxRetries == nil && b.Percent == nil:
		return badRequest("give max_retries (0 to 10) or percent (0 to 100, -1 for no limit)")
	case b.MaxRetries != nil && (*b.MaxRetries < 0 || *b.MaxRetries > 10):
		return badRequest("max_retries %d: use 0 to 10", *b.MaxRetries)
	case b.Percent != nil && *b.Percent != -1 && (*b.Percent < 0 || *b.Percent > 100):
		return badRequest("percent %v: use 0 to 100, or -1 for no limit", *b.Percent)
	}
	return nil
}

func (s *Shop) putRetryBudget(r *http.Request, body []byte) (result, error) {
	svc, err := s.named(r)
	if err != nil {
		return result{}, err
	}
	var in budgetBody
	if err := decode(body, &in); err != nil {
		return result{}, err
	}
	if err := in.check(); err != nil {
		return result{}, err
	}
	clients := svc.clients
	if in.Dependency != "" {
		c := svc.client(in.Dependency)
		if c == nil {
			return result{}, badRequest("%s does not call %q: it calls %s", svc.spec.Name, in.Dependency, join(svc.dependencies()))
		}
		clients = []*client{c}
	}
	changed := false
	for _, c := range clients {
		changed = c.budget.set(in.MaxRetries, in.Percent) || changed
	}
	return done(svc, changed), nil
}

// callers returns the clients of everybody who calls the service of the path.
func (s *Shop) callers(r *http.Request) ([]*client, error) {
	svc, err := s.named(r)
	if err != nil {
		return nil, err
	}
	var clients []*client
	for _, other := range byName(s.directory) {
		if c := other.client(svc.spec.Name); c != nil {
			clients = append(clients, c)
		}
	}
	return clients, nil
}

// doneAll is the answer of an action on all callers of a service.
func doneAll(clients []*client, changed bool) result {
	names := []string{}
	for _, c := range clients {
		names = append(names, c.owner.spec.Name)
	}
	return result{changed: changed, answer: map[string]any{"changed": changed, "callers": names}}
}

func (s *Shop) putCallersRetryBudget(r *http.Request, body []byte) (result, error) {
	clients, err := s.callers(r)
	if err != nil {
		return result{}, err
	}
	var in budgetBody
	if err := decode(body, &in); err != nil {
		return result{}, err
	}
	if in.Dependency != "" && in.Dependency != r.PathValue("name") {
		return result{}, badRequest("dependency is %s already, by the path: leave it out", r.PathValue("name"))
	}
	if err := in.check(); err != nil {
		return result{}, err
	}
	changed := false
	for _, c := range clients {
		changed = c.budget.set(in.MaxRetries, in.Percent) || changed
	}
	return doneAll(clients, changed), nil
}

func (s *Shop) putCallersBreakers(r *http.Request, body []byte) (result, error) {
	clients, err := s.callers(r)
	if err != nil {
		return result{}, err
	}
	var in breakerBody
	if err := decode(body, &in); err != nil {
		return result{}, err
	}
	if err := in.check(); err != nil {
		return result{}, err
	}
	changed := false
	for _, c := range clients {
		changed = c.breaker.force(in.State) || changed
	}
	return doneAll(clients, changed), nil
}

func (s *Shop) postRestart(r *http.Request, body []byte) (result, error) {
	svc, err := s.named(r)
	if err != nil {
		return result{}, err
	}
	if err := decodeOptional(body, &struct{}{}); err != nil {
		return result{}, err
	}
	now := time.Now()
	if err := s.faults.endKinds(r.Context(), svc.spec.Name, "restart", now, Crash, Hang); err != nil {
		return result{}, err
	}
	if err := svc.restart(r.Context(), now); err != nil {
		return result{}, err
	}
	return done(svc, true), nil
}

// versionBody is what names a version.
type versionBody struct {
	Version string `json:"version"`
}

func (s *Shop) postRollback(r *http.Request, body []byte) (result, error) {
	svc, err := s.named(r)
	if err != nil {
		return result{}, err
	}
	var in versionBody
	if err := decodeOptional(body, &in); err != nil {
		return result{}, err
	}
	if in.Version != "" && !versionText(in.Version) {
		return result{}, badRequest("version %q: use letters, digits, dots and dashes", in.Version)
	}
	now := time.Now()
	if !svc.rollback(in.Version, now) {
		return done(svc, false), nil
	}
	if err := s.faults.endKinds(r.Context(), svc.spec.Name, "rollback", now, BadVersion); err != nil {
		return result{}, err
	}
	return done(svc, true), nil
}

func (s *Shop) postDeploy(r *http.Request, body []byte) (result, error) {
	svc, err := s.named(r)
	if err != nil {
		return result{}, err
	}
	var in versionBody
	if err := decode(body, &in); err != nil {
		return result{}, err
	}
	if !versionText(in.Version) {
		return result{}, badRequest("version %q: use letters, digits, dots and dashes", in.Version)
	}
	now := time.Now()
	if !svc.deploy(in.Version, now) {
		return done(svc, false), nil
	}
	if err := s.faults.endKinds(r.Context(), svc.spec.Name, "deploy", now, BadVersion); err != nil {
		return result{}, err
	}
	return done(svc, true), nil
}

func (s *Shop) deleteOverrides(r *http.Request, _ []byte) (result, error) {
	svc, err := s.named(r)
	if err != nil {
		return result{}, err
	}
	changed := svc.scale(svc.spec.Instances)
	for _, c := range svc.clients {
		changed = c.setOverride(nil) || changed
		changed = c.breaker.force(breakerAuto) || changed
		changed = c.budget.restore() || changed
	}
	return done(svc, changed), nil
}

func (s *Shop) postFault(r *http.Request, body []byte) (result, error) {
	var in FaultSpec
	if err := decode(body, &in); err != nil {
		return result{}, err
	}
	f, err := s.faults.start(r.Context(), in, time.Now())
	return result{status: http.StatusCreated, changed: true, answer: f}, err
}

func (s *Shop) putFault(r *http.Request, body []byte) (result, error) {
	var in struct {
		Lease Duration `json:"lease"`
	}
	if err := decode(body, &in); err != nil {
		return result{}, err
	}
	f, err := s.faults.renew(r.PathValue("id"), time.Duration(in.Lease), time.Now())
	return result{changed: true, answer: f, silent: true}, err
}

func (s *Shop) deleteFault(r *http.Request, _ []byte) (result, error) {
	before, err := s.faults.get(r.PathValue("id"))
	if err != nil {
		return result{}, err
	}
	f, err := s.faults.end(r.Context(), before.ID, "delete", time.Now())
	return result{changed: before.Active, answer: f}, err
}

func (s *Shop) deleteFaults(r *http.Request, _ []byte) (result, error) {
	ended, err := s.faults.endAll(r.Context(), "delete", time.Now())
	return result{changed: len(ended) > 0, answer: ended}, err
}

// decodeOptional is decode for a body that may be left out.
func decodeOptional(body []byte, into any) error {
	if len(body) == 0 {
		return nil
	}
	return decode(body, into)
}
