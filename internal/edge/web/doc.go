// Package web is how people and programs reach Nightkeeper over HTTP: one server that puts the JSON API (web/api), the
// pages (web/ui) and the OTLP intake behind the same limits, headers and log. It decides nothing.
package web
