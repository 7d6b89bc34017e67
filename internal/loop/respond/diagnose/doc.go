// Package diagnose names the suspected cause of an incident: which service, what kind of trouble, and the evidence for
// it. It compares how the fleet was before with how it is now, service by service and call by call, and tells what a
// service does wrong itself from what it suffers from others. It is a pure function of a Scene; gathering the scene and
// acting on the result are not its business.
package diagnose
