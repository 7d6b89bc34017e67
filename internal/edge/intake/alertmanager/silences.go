package alertmanager

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// retention is how long silences that are over are listed.
const retention = 120 * time.Hour

// matcher is one of a silence; IsEqual is true when it is not there.
type matcher struct {
	Name    *string `json:"name"`
	Value   *string `json:"value"`
	IsRegex bool    `json:"isRegex"`
	IsEqual *bool   `json:"isEqual"`
}

// silence is one as clients write it.
type silence struct {
	ID          string            `json:"id,omitempty"`
	Matchers    []matcher         `json:"matchers"`
	StartsAt    *stamp            `json:"startsAt"`
	EndsAt      *stamp            `json:"endsAt"`
	CreatedBy   *string           `json:"createdBy"`
	Comment     *string           `json:"comment"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// gettableSilence is one as clients read it.
type gettableSilence struct {
	silence
	UpdatedAt stamp             `json:"updatedAt"`
	Status    map[string]string `json:"status"`

	state string
}

// kinds are the matchers that a client writes as isEqual and isRegex.
var kinds = map[[2]bool]labels.MatchType{
	{true, false}: labels.MatchEqual, {false, false}: labels.MatchNotEqual, {true, true}: labels.MatchRegexp, {false, true}: labels.MatchNotRegexp,
}

// read checks what a client wrote and returns it in our words.
func (x *silence) read() (detect.Silence, error) {
	missing := func(what string) (detect.Silence, error) {
		return detect.Silence{}, unprocessable(codeRequired, what+" in body is required")
	}
	switch {
	case x.Comment == nil:
		return missing("comment")
	case x.CreatedBy == nil:
		return missing("createdBy")
	case x.EndsAt == nil:
		return missing("endsAt")
	case x.StartsAt == nil:
		return missing("startsAt")
	case len(x.Matchers) == 0:
		return missing("matchers")
	}
	out := detect.Silence{
		ID: detect.SilenceID(x.ID), StartsAt: time.Time(*x.StartsAt), EndsAt: time.Time(*x.EndsAt),
		CreatedBy: *x.CreatedBy, Comment: *x.Comment, Annotations: x.Annotations,
	}
	for i, m := range x.Matchers {
		if m.Name == nil || m.Value == nil {
			return missing(fmt.Sprintf("matchers.%d.name and value", i))
		}
		lm, err := labels.NewMatcher(kinds[[2]bool{m.IsEqual == nil || *m.IsEqual, m.IsRegex}], *m.Name, *m.Value)
		if err != nil {
			return out, bad(fmt.Sprintf("invalid silence: invalid label matcher %d: %s", i, err))
		}
		out.Match = append(out.Match, lm.String())
	}
	return out, nil
}

func gettableSilenceOf(x detect.Silence, now time.Time) gettableSilence {
	starts, ends := stamp(x.StartsAt), stamp(x.EndsAt)
	g := gettableSilence{silence: silence{
		ID: string(x.ID), StartsAt: &starts, EndsAt: &ends, CreatedBy: &x.CreatedBy, Comment: &x.Comment, Annotations: x.Annotations, Matchers: []matcher{},
	}, UpdatedAt: stamp(x.UpdatedAt), state: x.State(now)}
	g.Status = map[string]string{"state": g.state}
	ms, _ := catalog.ParseMatchers(x.Match) // one that cannot be read mutes nothing, and is shown
	for _, m := range ms {
		equal := m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp
		g.Matchers = append(g.Matchers, matcher{&m.Name, &m.Value, m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp, &equal})
	}
	return g
}

// names reports whether a silence has every matcher of a filter.
func names(x detect.Silence, filter labels.Matchers) bool {
	ms, _ := catalog.ParseMatchers(x.Match)
	for _, f := range filter {
		if !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return m.Name == f.Name && m.Type == f.Type && m.Value == f.Value }) {
			return false
		}
	}
	return true
}

func (s *server) getSilences(_ *door.Visit, r *http.Request) (any, error) {
	filter, err := catalog.ParseMatchers(r.URL.Query()["filter"])
	if err != nil {
		return nil, bad(err.Error())
	}
	now := s.Now()
	all, err := s.Detect.Silences(r.Context(), now.Add(-retention))
	if err != nil {
		return nil, err
	}
	out := []gettableSilence{}
	for _, x := range all {
		if names(x, filter) && flag(r, x.State(now)) {
			out = append(out, gettableSilenceOf(x, now))
		}
	}
	slices.SortStableFunc(out, bySoonest)
	return out, nil
}

// bySoonest puts active silences first, the next to end before others, then pending ones, the next to begin before others,
// and then those that are over, the last to end before others.
func bySoonest(a, b gettableSilence) int {
	order := []string{"active", "pending", "expired"}
	if c := cmp.Compare(slices.Index(order, a.state), slices.Index(order, b.state)); c != 0 {
		return c
	}
	switch a.state {
	case "active":
		return time.Time(*a.EndsAt).Compare(time.Time(*b.EndsAt))
	case "pending":
		return time.Time(*a.StartsAt).Compare(time.Time(*b.StartsAt))
	}
	return time.Time(*b.EndsAt).Compare(time.Time(*a.EndsAt))
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$`)

func silenceID(r *http.Request) (detect.SilenceID, error) {
	id := r.PathValue("id")
	if !uuid.MatchString(id) {
		return "", unprocessable(codeType, fmt.Sprintf("silenceID in path must be of type uuid: %q", id))
	}
	return detect.SilenceID(id), nil
}

func (s *server) getSilence(_ *door.Visit, r *http.Request) (any, error) {
	id, err := silenceID(r)
	if err != nil {
		return nil, err
	}
	x, err := s.Detect.SilenceOf(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return gettableSilenceOf(x, s.Now()), nil
}

// mayMute checks the scope that silences need.
func mayMute(v *door.Visit) error {
	if !v.May(Respond) {
		return errs.New(errs.Denied, "making and ending silences needs a token with the scopes %s and %s", door.Scope, Respond)
	}
	return nil
}

func (s *server) deleteSilence(v *door.Visit, r *http.Request) (any, error) {
	if err := mayMute(v); err != nil {
		return nil, err
	}
	id, err := silenceID(r)
	if err != nil {
		return nil, err
	}
	err = s.Detect.Unsilence(r.Context(), id, v.Integration, s.Now())
	if errs.Is(err, errs.Conflict) {
		return nil, &answer{http.StatusInternalServerError, 0, fmt.Sprintf("silence %s already expired", id)}
	}
	return nil, err
}

func (s *server) postSilence(v *door.Visit, r *http.Request) (any, error) {
	if err := mayMute(v); err != nil {
		return nil, err
	}
	body, err := v.Body()
	if err != nil {
		return nil, err
	}
	var in silence
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &answer{http.StatusBadRequest, http.StatusBadRequest, fmt.Sprintf("parsing silence body failed, because %s", err)}
	}
	x, err := in.read()
	if err != nil {
		return nil, err
	}
	now := s.Now()
	switch {
	case !x.StartsAt.Before(x.EndsAt):
		return nil, bad("Failed to create silence: start time must be before end time")
	case x.EndsAt.Before(now):
		return nil, bad("Failed to create silence: end time can't be in the past")
	}
	by := fmt.Sprintf("%s (%s)", x.CreatedBy, v.Integration)
	var instead detect.SilenceID // ended once its successor mutes
	if x.ID != "" {
		was, err := s.Detect.SilenceOf(r.Context(), x.ID)
		if err != nil {
			return nil, err
		}
		x.Weekly, x.Maintenance = was.Weekly, was.Maintenance
		if !sameSilence(was, x, now) {
			if now.Before(was.EndsAt) {
				instead = x.ID
			}
			x.ID = ""
		}
	}
	if x.ID == "" && x.StartsAt.Before(now) {
		x.StartsAt = now
	}
	x, err = s.Detect.Silence(r.Context(), x, by, now)
	if err != nil {
		return nil, asBad(err)
	}
	if instead != "" {
		if err := s.Detect.Unsilence(r.Context(), instead, by, now); err != nil && !errs.Is(err, errs.Conflict) {
			return nil, err
		}
	}
	return map[string]string{"silenceID": string(x.ID)}, nil
}

// sameSilence reports whether a silence is only changed: one that mutes other alerts, or has begun at another time, is
// another silence.
func sameSilence(was, x detect.Silence, now time.Time) bool {
	if !now.Before(was.EndsAt) || !slices.Equal(was.Match, x.Match) {
		return false
	}
	if now.Before(was.StartsAt) {
		return !x.StartsAt.Before(now)
	}
	return was.StartsAt.Truncate(time.Millisecond).Equal(x.StartsAt.Truncate(time.Millisecond))
}

func asBad(err error) error {
	if errs.Is(err, errs.Invalid) {
		return bad("invalid silence: " + errs.Message(err))
	}
	return err
}
