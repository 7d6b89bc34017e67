// Package gate lets release systems ask in their own words whether a release may go out: Argo Rollouts, Flagger, the API
// server of Kubernetes, and whatever can read an HTTP status. Each of them takes another answer for a no: Argo Rollouts a
// field of a body with status 200, Flagger any status but 2xx, Kubernetes a review with status 200. It decides nothing;
// prevent does.
package gate
