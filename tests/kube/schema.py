"""Objects of Kubernetes against the models of python3-kubernetes, which are made from the API's published OpenAPI document. Unlike
that package's own reader, this one refuses members that a model does not have."""
import re

try:
    from kubernetes import client
except ImportError:
    client = None  # tools/deps test installs it

SCALARS = {"str": str, "int": int, "float": (int, float), "bool": bool, "datetime": str}


def why_not():
    return None if client else "python3-kubernetes is not installed (tools/deps test)"


def faults(value, model, path=""):
    """Yields what is wrong with a value that should be of this model: "V1Pod", "list[V1Container]", "dict(str, str)", "str"."""
    if many := re.fullmatch(r"list\[(.*)\]", model):
        if not isinstance(value, list):
            yield f"{path}: not a list"
            return
        for i, item in enumerate(value):
            yield from faults(item, many[1], f"{path}[{i}]")
    elif pairs := re.fullmatch(r"dict\(str, (.*)\)", model):
        if not isinstance(value, dict):
            yield f"{path}: not an object"
            return
        for name, item in value.items():
            yield from faults(item, pairs[1], f"{path}.{name}")
    elif model in SCALARS:
        if not isinstance(value, SCALARS[model]) or (isinstance(value, bool) and model != "bool"):
            yield f"{path}: {value!r} is not of type {model}"
    elif model != "object":
        yield from faults_of_members(value, getattr(client, model), path)


def faults_of_members(value, model, path):
    if not isinstance(value, dict):
        yield f"{path}: not an object"
        return
    names = {json: name for name, json in model.attribute_map.items()}
    for member, item in value.items():
        if member not in names:
            yield f'unknown field "{path}.{member}"'.replace('".', '"')
        elif item is not None:
            yield from faults(item, model.openapi_types[names[member]], f"{path}.{member}".lstrip("."))
    members = {names[m]: v for m, v in value.items() if m in names}
    try:  # a model refuses to be without what it needs
        model(**members, local_vars_configuration=client.Configuration())
    except ValueError as why:
        yield f"{path}: {why}"
