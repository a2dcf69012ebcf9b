"""The same work on other people's engines. Each module runs in an environment of its own, made by
`local bench --peers` from pinned packages; none of them is installed with the project."""
