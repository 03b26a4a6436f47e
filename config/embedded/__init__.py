"""`make up`: Tram on one machine with nothing but Python, set up and run by one command.

Everything here except `prepare` uses the standard library alone, because it runs before any
package is installed.
"""
