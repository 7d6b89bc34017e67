// Package webhook takes in what other systems post when something is wrong: Alertmanager's webhook, Grafana's alerting, the
// addresses of Grafana OnCall, Datadog, CloudWatch by way of SNS, and any JSON with the help of an Integration of the catalog.
//
//	body -> caller, limits -> format -> alerts -> detect takes them in -> 200
//
// Each format is a function from bytes to alerts. Nothing is fetched: what a body links to is only shown.
package webhook
