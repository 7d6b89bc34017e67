package gate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/prevent"
)

// What a workload says about itself in its metadata.
const (
	labelService     = "nightkeeper/gate"       // label: its service; without it the gate leaves the workload alone
	noteChange       = "nightkeeper/change"     // annotation: kind of change
	noteSHA          = "nightkeeper/sha"        // annotation: commit
	noteUnknown      = "nightkeeper/on-unknown" // annotation: allow or block
	admissionVersion = "admission.k8s.io/v1"
	admissionKind    = "AdmissionReview"
	systemNamespace  = "kube-" // prefix: the cluster must be able to mend itself
)

// review is an AdmissionReview of Kubernetes, as far as the gate needs it.
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID         string   `json:"uid"`
	SubResource string   `json:"subResource"`
	Namespace   string   `json:"namespace"`
	Operation   string   `json:"operation"`
	DryRun      bool     `json:"dryRun"`
	Object      workload `json:"object"`
	OldObject   workload `json:"oldObject"`
}

type response struct {
	UID      string            `json:"uid"`
	Allowed  bool              `json:"allowed"`
	Status   *status           `json:"status,omitempty"` // says why not
	Warnings []string          `json:"warnings,omitempty"`
	Audit    map[string]string `json:"auditAnnotations,omitempty"`
}

type status struct {
	Code    int    `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// workload is a Deployment or what is made like one: a StatefulSet, a DaemonSet, a Job, a CronJob, a Rollout.
type workload struct {
	Metadata struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Template    *template `json:"template"`
		JobTemplate *struct {
			Spec struct {
				Template *template `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
}

type template struct {
	Spec json.RawMessage `json:"spec"`
}

// pods returns what the workload's pods are made from; nil when it has none.
func (w workload) pods() json.RawMessage {
	t := w.Spec.Template
	if t == nil && w.Spec.JobTemplate != nil {
		t = w.Spec.JobTemplate.Spec.Template
	}
	if t == nil {
		return nil
	}
	return t.Spec
}

// images returns the images of all containers.
func (w workload) images() ([]string, error) {
	var spec struct {
		Containers     []struct{ Image string } `json:"containers"`
		InitContainers []struct{ Image string } `json:"initContainers"`
	}
	if p := w.pods(); p != nil {
		if err := json.Unmarshal(p, &spec); err != nil {
			return nil, errs.Wrap(err, errs.Invalid, "the containers of the pod template cannot be read: %s", err)
		}
	}
	var out []string
	for _, c := range slices.Concat(spec.Containers, spec.InitContainers) {
		if c.Image != "" {
			out = append(out, c.Image)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// samePods reports whether pods stay as they are: a workload is scaled, labelled or restarted.
func samePods(a, b workload) bool {
	pa, pb := a.pods(), b.pods()
	if bytes.Equal(pa, pb) {
		return true
	}
	var va, vb any
	return json.Unmarshal(pa, &va) == nil && json.Unmarshal(pb, &vb) == nil && reflect.DeepEqual(va, vb)
}

// question returns what to ask about a request, or why it passes without being asked.
func (r request) question() (q prevent.Question, passes string, err error) {
	meta := r.Object.Metadata
	service := meta.Labels[labelService]
	switch {
	case r.Operation != "CREATE" && r.Operation != "UPDATE":
		return q, "it is no release", nil
	case r.SubResource != "":
		return q, "only " + r.SubResource + " changes", nil
	case service == "":
		return q, "it has no label " + labelService, nil
	case strings.HasPrefix(r.Namespace, systemNamespace):
		return q, "it is of the cluster itself", nil
	case r.Object.pods() == nil:
		return q, "it has no pod template", nil
	case r.Operation == "UPDATE" && samePods(r.Object, r.OldObject):
		return q, "its pods stay as they are", nil
	}
	q = prevent.Question{Service: service, Change: prevent.Change(meta.Annotations[noteChange]), SHA: meta.Annotations[noteSHA], AllowUnknown: true, DryRun: r.DryRun}
	if q.Images, err = r.Object.images(); err == nil && r.Operation == "UPDATE" {
		q.Running, err = r.OldObject.images()
	}
	if err != nil {
		return q, "", err
	}
	if q.Change != "" && !slices.Contains(prevent.Changes, q.Change) {
		return q, "", errs.New(errs.Invalid, "the annotation %s is %q; it must be feature, rollback, security or reliability", noteChange, q.Change)
	}
	return q, "", onUnknown(&q, meta.Annotations[noteUnknown])
}

// kubernetes answers an AdmissionReview. It always answers a review that it can read: what it cannot tell passes with a
// warning that the person at kubectl sees, unless the workload says otherwise.
func (s *server) kubernetes(w http.ResponseWriter, r *http.Request, secret string) {
	var in review
	if err := body(w, r, &in); err != nil {
		refuse(w, err)
		return
	}
	if in.APIVersion != admissionVersion || in.Kind != admissionKind || in.Request == nil || in.Request.UID == "" {
		refuse(w, errs.New(errs.Invalid, "this takes an %s of %s with a request and its uid", admissionKind, admissionVersion))
		return
	}
	out := &response{UID: in.Request.UID, Allowed: true}
	q, passes, err := in.Request.question()
	switch {
	case err != nil:
		out.refuse(errs.Message(err))
	case passes != "":
		out.Audit = map[string]string{"passes": passes}
	default:
		v, err := s.ask(r.Context(), secret, q)
		if err != nil {
			refuse(w, err)
			return
		}
		out.decide(v)
	}
	writeJSON(w, review{APIVersion: admissionVersion, Kind: admissionKind, Response: out})
}

// maxWarning is how long a warning may be: Kubernetes asks for 120 characters and cuts all of them together at 4096.
const maxWarning = 1000

func (r *response) decide(v prevent.Verdict) {
	text := line(v)
	if v.ID != "" {
		r.Audit = map[string]string{"decision": v.ID}
	}
	switch {
	case !v.Allowed:
		r.refuse("Nightkeeper: " + text)
	case v.Decision != prevent.Allow:
		r.Warnings = []string{"Nightkeeper: " + strings.ToValidUTF8(text[:min(len(text), maxWarning)], "")}
	}
}

func (r *response) refuse(why string) {
	r.Allowed, r.Status = false, &status{Code: http.StatusForbidden, Reason: "Forbidden", Message: why}
}
