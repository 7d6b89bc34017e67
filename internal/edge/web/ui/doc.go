// Package ui serves the web pages: what burns now, the incident room, services, objectives, on-call, runbooks and the
// rest of the loop, in that order. A page is rendered on the server; its parts are regions, and a region is rendered
// again and morphed in place when the live feed reports a fact that it shows. The package shows and passes orders on:
// it decides nothing, keeps nothing and reads no table. Programs use the API, not these pages.
//
// Where things are:
//
//	server.go    routes, and what surrounds every request: sign-in, headers, errors
//	view.go      a page, its regions, and how either is written
//	live.go      the feed of facts by server-sent events
//	words.templ  the design language: every page is made of these components; /design shows all of them
//	static/      style sheet, scripts and vendored libraries; nothing is loaded from elsewhere
package ui
