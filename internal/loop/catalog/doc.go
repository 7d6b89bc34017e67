// Package catalog holds what a user declares: services, teams, people, schedules, escalation policies, SLOs, error-budget
// policies, experiments and runbooks, read from YAML documents with apiVersion, kind, metadata and spec, and from Markdown
// files beside them. It checks every document alone and all of them together, and says file, line, column and what would
// be right. It is not a store: a Catalog is read once, never changes, and is replaced as a whole; a bad one replaces
// nothing.
package catalog
