package opsgenie

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/loop/detect"
)

// tinyOf returns a short number of an alert, as people say it on the phone.
func tinyOf(a detect.AlertID) string {
	h := fnv.New32a()
	h.Write([]byte(a))
	return strconv.FormatUint(uint64(h.Sum32()), 10)
}

// named is somebody or something as clients name it.
type named struct {
	Type     string `json:"type"`
	ID       string `json:"id"`
	Name     string `json:"name"`
	Username string `json:"username"`
}

func (n named) any() string { return cmp.Or(n.Name, n.Username, n.ID) }

// done is what clients send with an action.
type done struct {
	User string `json:"user"`
	Note string `json:"note"`

	EndTime    string            `json:"endTime"`
	Owner      named             `json:"owner"`
	Escalation named             `json:"escalation"`
	Team       named             `json:"team"`
	Responder  named             `json:"responder"`
	Tags       []string          `json:"tags"`
	Details    map[string]string `json:"details"`
}

// snooze silences the alert alone until a time; people are told then when it still fires.
func (s *server) snooze(c call) (reply, error) {
	return s.change(c, "snooze", func(a detect.Alert, d done) error {
		until, err := time.Parse(time.RFC3339, d.EndTime)
		if err != nil {
			return unprocessable{"endTime": "endTime should be a time such as 2026-11-27T05:00:00Z"}
		}
		if !until.After(c.now) {
			return unprocessable{"endTime": "endTime should be a future time."}
		}
		_, err = s.Detect.Snooze(c.Context(), c.Integration, a.Key, until, d.Note, s.by(c, d.User), c.now)
		return err
	})
}

// person returns the person of the catalog that a client names, by name or address.
func (s *server) person(n named) string {
	for _, x := range []string{n.Username, n.Name, n.ID} {
		if name := s.personOf(x); name != "" {
			return name
		}
	}
	return n.any()
}

func (s *server) assign(c call) (reply, error) {
	return s.change(c, "assign", func(a detect.Alert, d done) error {
		if d.Owner.any() == "" {
			return unprocessable{"owner": "Owner can not be empty."}
		}
		return s.tell(c, a, detect.Call{Person: s.person(d.Owner), Owner: true}, d)
	})
}

func (s *server) escalate(c call) (reply, error) {
	return s.change(c, "escalate", func(a detect.Alert, d done) error {
		if d.Escalation.any() == "" {
			return unprocessable{"escalation": "Escalation can not be empty."}
		}
		return s.tell(c, a, detect.Call{Policy: d.Escalation.any()}, d)
	})
}

func (s *server) addTeam(c call) (reply, error) {
	return s.change(c, "team", func(a detect.Alert, d done) error {
		if d.Team.any() == "" {
			return unprocessable{"team": "Team can not be empty."}
		}
		return s.tell(c, a, detect.Call{Team: d.Team.any()}, d)
	})
}

func (s *server) addResponder(c call) (reply, error) {
	return s.change(c, "responder", func(a detect.Alert, d done) error {
		to := detect.Call{}
		switch r := d.Responder; strings.ToLower(r.Type) {
		case "user":
			to.Person = s.person(r)
		case "team":
			to.Team = r.any()
		case "schedule":
			to.Schedule = r.any()
		case "escalation":
			to.Policy = r.any()
		default:
			return unprocessable{"responder": "Responder type should be one of [ user, team, schedule, escalation ]"}
		}
		return s.tell(c, a, to, d)
	})
}

// tell has somebody told. Who is not in the catalog is refused: nobody would be told.
func (s *server) tell(c call, a detect.Alert, to detect.Call, d done) error {
	if a.State != detect.Firing {
		return nil
	}
	_, err := s.Detect.Call(c.Context(), c.Integration, a.Key, to, s.by(c, d.User), c.now)
	return err
}

// maxTags and the like are Opsgenie's.
const maxTags = 20

// splitTags returns the tags that name a label, and those that are only words.
func splitTags(tags []string) (labels map[string]string, words []string) {
	labels = map[string]string{}
	for _, tag := range tags {
		if tag = strings.TrimSpace(tag); tag == "" {
			continue
		}
		if name, value, ok := strings.Cut(tag, ":"); ok && name != "" && value != "" {
			labels[name] = value
		} else {
			words = append(words, tag)
		}
	}
	return labels, words
}

// wordsOf returns the tags of an alert that are only words.
func wordsOf(a detect.Alert) []string {
	if a.Labels["tags"] == "" {
		return nil
	}
	return strings.Split(a.Labels["tags"], ",")
}

func (s *server) addTags(c call) (reply, error) {
	return s.change(c, "tags", func(a detect.Alert, d done) error {
		set, words := splitTags(d.Tags)
		if len(set)+len(words) == 0 || len(d.Tags) > maxTags {
			return unprocessable{"tags": "Tags should be 1 to 20."}
		}
		all := wordsOf(a)
		for _, w := range words {
			if !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
		if len(words) > 0 {
			set["tags"] = strings.Join(all, ",")
		}
		return s.relabel(c, a, set, nil, d.User)
	})
}

func (s *server) removeTags(c call) (reply, error) {
	q := c.r.URL.Query()
	return s.change(c, "untags", func(a detect.Alert, d done) error {
		var drop, words []string
		for tag := range strings.SplitSeq(q.Get("tags"), ",") {
			if tag = strings.TrimSpace(tag); tag == "" {
				continue
			}
			if name, value, ok := strings.Cut(tag, ":"); ok && value != "" && a.Labels[name] == value {
				drop = append(drop, name)
			} else {
				words = append(words, tag)
			}
		}
		if len(drop)+len(words) == 0 {
			return unprocessable{"tags": "Tags can not be empty."}
		}
		set := map[string]string{}
		if len(words) > 0 {
			rest := slices.DeleteFunc(wordsOf(a), func(w string) bool { return slices.Contains(words, w) })
			if set["tags"] = strings.Join(rest, ","); len(rest) == 0 {
				delete(set, "tags")
				drop = append(drop, "tags")
			}
		}
		return s.relabel(c, a, set, drop, q.Get("user"))
	})
}

func (s *server) addDetails(c call) (reply, error) {
	return s.change(c, "details", func(a detect.Alert, d done) error {
		if len(d.Details) == 0 {
			return unprocessable{"details": "Details can not be empty."}
		}
		return s.relabel(c, a, d.Details, nil, d.User)
	})
}

func (s *server) removeDetails(c call) (reply, error) {
	q := c.r.URL.Query()
	return s.change(c, "undetails", func(a detect.Alert, d done) error {
		if q.Get("keys") == "" {
			return unprocessable{"keys": "Keys can not be empty."}
		}
		return s.relabel(c, a, nil, strings.Split(q.Get("keys"), ","), q.Get("user"))
	})
}

// relabel changes labels when the alert stays within the limits of one.
func (s *server) relabel(c call, a detect.Alert, set map[string]string, drop []string, user string) error {
	if a.State != detect.Firing {
		return nil
	}
	if err := checkLabels(a, set); err != nil {
		return err
	}
	_, err := s.Detect.Relabel(c.Context(), c.Integration, a.Key, set, drop, s.by(c, user), c.now)
	return err
}
