"""Where a client's key and the other parts of its address come from, and what contradicts."""

from __future__ import annotations

import pytest
import requests
from conftest import PATIENCE, Provider, serving
from test_services import KEY, SERVICES, done

from video_translation_client import Service, VideoTranslationClient, services

pytestmark = pytest.mark.one_python

URL = "http://127.0.0.1:5000"
VARIABLES = {
    "heygen": "HEYGEN_API_KEY",
    "elevenlabs": "ELEVENLABS_API_KEY",
    "azure": "AZURE_SPEECH_KEY",
    "sync": "SYNC_API_KEY",
    "synthesia": "SYNTHESIA_API_KEY",
    "murf": "MURF_DUB_API_KEY",
    "deepdub": "DEEPDUB_API_KEY",
    "camb": "CAMB_API_KEY",
    "vozo": "VOZO_API_KEY",
    "d-id": "DID_API_KEY",
    "adobe": "ADOBE_ACCESS_TOKEN",
}
# What no header can carry, or nobody can have meant.
BAD_KEYS = [
    "",
    " ",
    "key\n",
    "\nkey",
    "key\r\nX-Evil: 1",
    "two words",
    "schlüssel",
    "k\x00y",
    "k\t",
]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """An environment in which nobody has set anything for a service."""
    for variable in [*VARIABLES.values(), "AZURE_SPEECH_REGION", "ADOBE_CLIENT_ID", "ACME_KEY"]:
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


@pytest.fixture
def session():
    """A session of the user's own."""
    with requests.Session() as session:
        yield session


@pytest.fixture
def sent(clock):
    """Waits for a job with a client of a service, and returns the headers it was asked with."""
    provider = Provider(clock)
    with serving(provider) as url:

        def ask(name, **settings):
            provider.tell(done(name) if name in SERVICES else '{"status": "completed"}')
            settings = {"base_url": url, "service": name, "clock": clock, **settings}
            with VideoTranslationClient(**settings) as client:
                assert client.get_status("job-1") == "completed"
            return provider.requests[-1].headers

        ask.url = url
        yield ask


def variables_of(name):
    """What a client of a service needs besides the key, where it has no base URL."""
    return dict(SERVICES[name].variables)


# The key


@pytest.mark.parametrize("name", services.NAMES)
def test_a_key_that_is_missing_is_asked_for_by_the_name_of_its_variable(name):
    """When the client is made, with both ways to give it."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its words are compared below
        VideoTranslationClient(service=name, **variables_of(name))
    assert str(caught.value) == (
        f"api_key is needed by service {name!r}; pass api_key=, or set the environment variable"
        f" {VARIABLES[name]}"
    )


@pytest.mark.parametrize("name", services.NAMES)
def test_the_key_is_taken_from_the_environment(sent, environment, name):
    """As the service's own tools do, when the client is made."""
    environment.setenv(VARIABLES[name], KEY)
    variables = {key: value for key, value in variables_of(name).items() if key != "region"}
    headers = sent(name, **variables)
    for header, value in SERVICES[name].headers.items():
        assert headers[header.lower()] == value


def test_a_key_that_is_given_goes_before_that_of_the_environment(sent, environment):
    """Which may be that of another account, or a broken one."""
    environment.setenv("HEYGEN_API_KEY", "of-the-environment")
    assert sent("heygen", api_key="given")["x-api-key"] == "given"
    environment.setenv("HEYGEN_API_KEY", "")
    assert sent("heygen", api_key="given")["x-api-key"] == "given"


def test_the_environment_is_read_once_when_the_client_is_made(environment):
    """What comes later is for later clients."""
    environment.setenv("HEYGEN_API_KEY", KEY)
    client = VideoTranslationClient(service="heygen")
    environment.delenv("HEYGEN_API_KEY")
    assert repr(client) == "<VideoTranslationClient https://api.heygen.com>"


@pytest.mark.parametrize("key", BAD_KEYS)
@pytest.mark.parametrize("name", ["heygen", "vozo", "d-id"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(name, key):
    """Empty, with a line end, with white space or beyond ASCII."""
    with pytest.raises(ValueError, match="^api_key must be one or more visible ASCII") as caught:
        VideoTranslationClient(service=name, api_key=key)
    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize("key", [key for key in BAD_KEYS if "\0" not in key])
def test_a_bad_key_in_the_environment_is_refused_by_the_name_of_its_variable(environment, key):
    """It is there that the mistake is to be looked for; the key is not shown."""
    environment.setenv("HEYGEN_API_KEY", key)
    with pytest.raises(ValueError, match="^the environment variable HEYGEN_API_KEY must") as caught:
        VideoTranslationClient(service="heygen")
    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize("key", [b"key", 5, ["key"]])
def test_a_key_that_is_no_text_is_refused_unseen(key):
    """A TypeError tells the type alone."""
    with pytest.raises(TypeError, match="^api_key must be a str or None, not [a-z]+$"):
        VideoTranslationClient(service="heygen", api_key=key)


def test_a_service_of_ones_own_may_name_a_variable_or_need_no_key(sent, environment):
    """What is not named is not read."""
    acme = Service("acme", variables=(("api_key", "ACME_KEY"),), path="/v1/{job_id}")
    with pytest.raises(ValueError, match="^api_key is needed by service 'acme'; .* ACME_KEY$"):
        VideoTranslationClient(URL, service=acme)
    environment.setenv("ACME_KEY", KEY)
    VideoTranslationClient(URL, service=acme)
    VideoTranslationClient(URL, service=Service("acme"))


# A session that brings its own


@pytest.mark.parametrize(("name", "header"), [("heygen", "X-API-Key"), ("vozo", "authorization")])
def test_a_session_with_the_header_of_the_key_needs_no_other(
    sent, session, environment, name, header
):
    """Neither is one asked for, nor does that of the environment take its place."""
    environment.setenv(VARIABLES[name], "of-the-environment")
    session.headers[header] = "of-the-session"
    assert sent(name, session=session)[header.lower()] == "of-the-session"
    environment.delenv(VARIABLES[name])
    assert sent(name, session=session)[header.lower()] == "of-the-session"


def test_a_session_that_authenticates_needs_no_key(sent, session, environment):
    """By whatever it does, such as tokens that are renewed."""

    def authenticate(request):
        request.headers["x-api-key"] = "renewed"
        return request

    session.auth = authenticate
    assert sent("heygen", session=session)["x-api-key"] == "renewed"
    environment.setenv("HEYGEN_API_KEY", "of-the-environment")
    assert sent("heygen", session=session)["x-api-key"] == "renewed"


def test_a_session_with_another_header_still_needs_a_key(session):
    """It says nothing of the account."""
    session.headers["X-Trace"] = "1"
    with pytest.raises(ValueError, match="^api_key is needed by service 'heygen'"):
        VideoTranslationClient(service="heygen", session=session)


def test_a_key_that_is_given_goes_before_the_header_of_the_session(sent, session):
    """The nearer one counts."""
    session.headers["x-api-key"] = "of-the-session"
    assert sent("heygen", session=session, api_key="given")["x-api-key"] == "given"


def test_credentials_in_the_base_url_need_no_key(sent, environment):
    """A proxy of one's own may have them; the key of the environment is not sent to it."""
    environment.setenv("HEYGEN_API_KEY", "of-the-environment")
    headers = sent("heygen", base_url=sent.url.replace("//", "//user:word@"))
    assert "x-api-key" not in headers
    assert headers["authorization"] == "Basic dXNlcjp3b3Jk"


def test_credentials_in_the_base_url_and_a_key_contradict_each_other():
    """One of them would be in vain."""
    with pytest.raises(ValueError, match="api_key and credentials in base_url contradict"):
        VideoTranslationClient("http://u:p@127.0.0.1:5000", service="heygen", api_key=KEY)


# Secrets beside the key

SIGNED = Service(
    "signed",
    headers=(("X-Key", "{api_key}"), ("X-Secret", "id:{secret}")),
    variables=(("api_key", "ACME_KEY"), ("secret", "ACME_SECRET")),
    secret_variables=("secret",),
)


def test_a_secret_goes_in_its_header_as_the_key_does(sent, environment):
    """It may hold what no other part of an address could, and what is given goes first."""
    environment.setenv("ACME_SECRET", "s:/ecret=")
    assert sent(SIGNED, api_key=KEY)["x-secret"] == "id:s:/ecret="
    headers = sent(SIGNED, api_key=KEY, secret="given!")
    assert (headers["x-key"], headers["x-secret"]) == (KEY, "id:given!")


def test_a_secret_that_is_missing_is_asked_for_with_both_ways_to_give_it():
    """As any other variable."""
    with pytest.raises(ValueError, match="^secret is needed by service 'signed'; ") as caught:
        VideoTranslationClient(URL, service=SIGNED, api_key=KEY)
    advice = "; pass secret=, or set the environment variable ACME_SECRET"
    assert str(caught.value).endswith(advice)


@pytest.mark.parametrize("secret", BAD_KEYS)
def test_a_secret_that_no_header_can_carry_is_refused_unseen(environment, secret):
    """By the name of the argument or of the environment variable."""
    with pytest.raises(ValueError, match="^secret must be one or more visible ASCII") as caught:
        VideoTranslationClient(URL, service=SIGNED, api_key=KEY, secret=secret)
    assert not secret.strip() or secret not in str(caught.value)
    if "\0" not in secret:
        environment.setenv("ACME_SECRET", secret)
        with pytest.raises(ValueError, match="^the environment variable ACME_SECRET must"):
            VideoTranslationClient(URL, service=SIGNED, api_key=KEY)


def test_a_session_may_bring_one_secret_of_two(sent, session):
    """The other one is still wanted."""
    session.headers["x-secret"] = "of-the-session"
    headers = sent(SIGNED, session=session, api_key=KEY)
    assert (headers["x-key"], headers["x-secret"]) == (KEY, "of-the-session")
    with pytest.raises(ValueError, match="^api_key is needed by service 'signed'"):
        sent(SIGNED, session=session)


def test_credentials_of_another_kind_leave_out_all_headers_with_secrets(sent, session, environment):
    """Those of the environment go to nobody who was not asked to have them."""
    environment.setenv("ACME_KEY", KEY)
    environment.setenv("ACME_SECRET", "secret")
    headers = sent(SIGNED, base_url=sent.url.replace("//", "//user:word@"))
    assert not {"x-key", "x-secret"} & set(headers)
    session.auth = ("user", "word")
    assert not {"x-key", "x-secret"} & set(sent(SIGNED, session=session))
    with pytest.raises(ValueError, match="^secret and credentials in base_url contradict each"):
        VideoTranslationClient("http://u:p@127.0.0.1:5000", service=SIGNED, secret="secret")


def test_a_key_that_would_go_nowhere_is_refused():
    """Whoever gives one expects that it is sent."""
    with pytest.raises(ValueError, match="^api_key must not be given: service 'open' has no place"):
        VideoTranslationClient(URL, service=Service("open", headers=()), api_key=KEY)


# The service


@pytest.mark.parametrize("name", ["", "openai", "HeyGen", "heygen ", "d_id", "default", "services"])
def test_a_service_that_is_not_known_is_refused_with_those_that_are(name):
    """All of them, and that one may be made."""
    with pytest.raises(ValueError, match="^service must be one of heygen, ") as caught:
        VideoTranslationClient(service=name, api_key=KEY)
    assert all(known in str(caught.value) for known in SERVICES)
    assert str(caught.value).endswith(f", not {name!r}; pass a Service for any other provider")


@pytest.mark.parametrize("service", [b"heygen", 5, ["heygen"], Service])
def test_a_service_of_another_type_is_refused(service):
    """A TypeError tells the type."""
    with pytest.raises(TypeError, match="^service must be a .*Service, not "):
        VideoTranslationClient(URL, service=service)


def test_without_service_and_base_url_nobody_knows_where_to_ask():
    """Either will do."""
    with pytest.raises(ValueError, match="^base_url must be given, such as .*, or service"):
        VideoTranslationClient()


def test_a_service_that_does_not_say_where_it_stands_needs_a_base_url():
    """It is named."""
    with pytest.raises(ValueError, match="^base_url must be given: service 'acme' does not say"):
        VideoTranslationClient(service=Service("acme"))


# A base URL next to the service


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "azure"])
def test_the_base_url_of_the_service_itself_may_be_given(name):
    """With or without a slash, in any case; it says the same twice."""
    url = SERVICES[name].base_url
    for spelling in (url, url + "/", url.replace("//api.", "//API."), url + "//"):
        VideoTranslationClient(spelling, service=name, api_key=KEY, **variables_of(name))


def test_the_base_url_of_azure_holds_its_region():
    """So that is neither needed nor to be given."""
    url = SERVICES["azure"].base_url
    client = VideoTranslationClient(url, service="azure", api_key=KEY)
    assert repr(client) == f"<VideoTranslationClient {url}>"
    with pytest.raises(ValueError, match="^region and base_url contradict each other; give one"):
        VideoTranslationClient(url, service="azure", api_key=KEY, region="westeurope")
    with pytest.raises(ValueError, match="^region and base_url contradict each other; give one"):
        VideoTranslationClient(URL, service="azure", api_key=KEY, region="westeurope")


@pytest.mark.parametrize("name", ["heygen", "azure", "d-id"])
@pytest.mark.parametrize("url", [URL, "https://proxy.example.com/heygen", "https://heygen.com"])
def test_a_base_url_of_somebody_else_may_be_given(name, url):
    """A proxy or a mock service."""
    VideoTranslationClient(url, service=name, api_key=KEY)


@pytest.mark.parametrize(
    ("name", "url", "other"),
    [
        ("heygen", "https://api.elevenlabs.io", "elevenlabs"),
        ("elevenlabs", "https://api.heygen.com/v3", "heygen"),
        ("elevenlabs", "http://API.HEYGEN.COM:8080", "heygen"),
        ("vozo", "https://eastus.api.cognitive.microsoft.com/videotranslation", "azure"),
        ("azure", "https://client.camb.ai/apis", "camb"),
    ],
)
def test_the_base_url_of_another_service_is_refused(name, url, other):
    """The key would go to a stranger."""
    with pytest.raises(ValueError, match="and base_url contradict each other") as caught:
        VideoTranslationClient(url, service=name, api_key=KEY)
    assert str(caught.value).startswith("service and base_url ")
    assert str(caught.value).endswith(f" is that of {other}, not of {name}")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("heygen", "http://api.heygen.com"),
        ("heygen", "https://api.heygen.com/v3"),
        ("heygen", "https://api.heygen.com/v3/video-translations"),
        ("heygen", "https://user@api.heygen.com/v3"),
        ("heygen", "https://API.heygen.com:8443"),
        ("camb", "https://client.camb.ai"),
        ("camb", "https://client.camb.ai/api"),
        ("azure", "https://eastus.api.cognitive.microsoft.com"),
        ("azure", "http://eastus.api.cognitive.microsoft.com/videotranslation"),
    ],
)
def test_the_host_of_the_service_with_another_path_or_scheme_is_refused(name, url):
    """The path would be there twice, or the key would go in the clear."""
    settings = {} if "@" in url else {"api_key": KEY}
    with pytest.raises(ValueError, match="and base_url contradict each other: ") as caught:
        VideoTranslationClient(url, service=name, **settings)
    assert str(caught.value).endswith("; leave base_url out")
    assert "user" not in str(caught.value)


def test_a_service_of_ones_own_may_stand_anywhere():
    """It may be another version of a known one."""
    VideoTranslationClient("https://api.heygen.com/v9", service=Service("acme"))


def test_the_base_url_of_a_service_of_ones_own_counts_as_well():
    """Its host with another path is a mistake, too."""
    acme = Service("acme", base_url="https://{team}.acme.example/api", variables=(("team", "T"),))
    VideoTranslationClient("https://blue.acme.example/api", service=acme)
    with pytest.raises(ValueError, match="acme stands at https://{team}.acme.example/api; leave"):
        VideoTranslationClient("https://blue.acme.example/v2", service=acme)


# The region, and what else is left open


def test_the_region_may_be_given_or_stand_in_the_environment(environment):
    """What is given goes first."""
    environment.setenv("AZURE_SPEECH_REGION", "eastus")
    client = VideoTranslationClient(service="azure", api_key=KEY)
    assert "https://eastus.api.cognitive" in repr(client)
    client = VideoTranslationClient(service="azure", api_key=KEY, region="westeurope")
    assert "https://westeurope.api.cognitive" in repr(client)


def test_a_base_url_goes_before_the_region_of_the_environment(environment):
    """Which other programs may need."""
    environment.setenv("AZURE_SPEECH_REGION", "not a region")
    client = VideoTranslationClient(URL, service="azure", api_key=KEY)
    assert repr(client) == f"<VideoTranslationClient {URL}>"


@pytest.mark.parametrize(
    ("name", "variable", "environment_variable"),
    [("azure", "region", "AZURE_SPEECH_REGION"), ("adobe", "client_id", "ADOBE_CLIENT_ID")],
)
def test_a_variable_that_is_missing_is_asked_for_with_both_ways_to_give_it(
    name, variable, environment_variable
):
    """When the client is made."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its words are compared below
        VideoTranslationClient(service=name, api_key=KEY)
    assert str(caught.value) == (
        f"{variable} is needed by service {name!r}; pass {variable}=, or set the environment"
        f" variable {environment_variable}"
    )


def test_a_part_of_the_base_url_that_stands_elsewhere_too_may_be_given_with_one(sent):
    """It is not in vain then."""
    acme = Service(
        "acme",
        base_url="https://{team}.acme.example",
        headers=(("X-Team", "{team}"),),
        variables=(("team", "ACME_TEAM"),),
    )
    assert sent(acme, team="blue")["x-team"] == "blue"


def test_braces_in_a_base_url_stand_for_themselves():
    """It is no template."""
    client = VideoTranslationClient(f"{URL}/{{region}}", service="azure", api_key=KEY)
    assert repr(client) == f"<VideoTranslationClient {URL}/{{region}}>"


BAD_REGIONS = [
    *("", " ", "west europe", "westeurope\n", "evil.example/", "a/b", "a@b", "a:b", "a?b", "a#b"),
    *("-a", "a-", ".", "..", "a.", "é", "{region}", "%2e"),
    "a..b",
    "a" * 64,
]


@pytest.mark.parametrize("region", BAD_REGIONS)
def test_a_region_that_is_no_part_of_a_host_is_refused_by_name(environment, region):
    """The key would go to another host."""
    with pytest.raises(ValueError, match="^region must be "):
        VideoTranslationClient(service="azure", api_key=KEY, region=region)
    environment.setenv("AZURE_SPEECH_REGION", region)
    with pytest.raises(ValueError, match="^the environment variable AZURE_SPEECH_REGION must be "):
        VideoTranslationClient(service="azure", api_key=KEY)


@pytest.mark.parametrize("region", [5, b"eastus", ["eastus"], True])
def test_a_region_that_is_no_text_is_refused_by_name(region):
    """A TypeError tells the type."""
    with pytest.raises(TypeError, match="^region must be a str, not [a-z]+$"):
        VideoTranslationClient(service="azure", api_key=KEY, region=region)


def test_the_client_id_of_adobe_is_a_header_also_with_a_base_url(sent, environment):
    """Unlike a region, it stands in no URL."""
    assert sent("adobe", api_key=KEY, client_id="client-1")["x-api-key"] == "client-1"
    environment.setenv("ADOBE_CLIENT_ID", "client-2")
    assert sent("adobe", api_key=KEY)["x-api-key"] == "client-2"


@pytest.mark.parametrize(
    ("service", "ending"),
    [
        ("heygen", "'regoin'"),
        ("azure", "'regoin'; service 'azure' has region"),
        (Service("acme"), "'regoin'"),
        (None, "'regoin'"),
    ],
)
def test_an_argument_that_nobody_expects_is_refused_as_python_does(service, ending):
    """With the names that the service has."""
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'regoin'") as caught:
        VideoTranslationClient(URL, service=service, api_key=KEY, regoin="eastus")
    assert str(caught.value).endswith(ending)


def test_the_variable_of_another_service_is_unexpected():
    """It would be in vain."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'region'"):
        VideoTranslationClient(service="heygen", api_key=KEY, region="eastus")


# The job


@pytest.mark.parametrize("name", services.NAMES)
def test_a_job_without_a_name_is_refused_where_the_service_has_none(name):
    """Before anything is asked."""
    client = VideoTranslationClient(service=name, api_key=KEY, **variables_of(name))
    for call in (client.submit, client.get_status):
        with pytest.raises(ValueError, match="^job_id must be given: service ") as caught:
            call()
        assert str(caught.value).endswith(f"service {name!r} has no job without a name")


def test_a_service_of_ones_own_may_have_a_job_without_a_name(clock):
    """It says where that is asked for."""
    provider = Provider(clock)
    provider.tell('{"status": "completed"}')
    service = Service("acme", unnamed_path="/v1/job?full=1")
    with serving(provider) as url, VideoTranslationClient(
        url, service=service, clock=clock
    ) as client:
        assert client.submit().result(PATIENCE) == "completed"
    assert provider.requests[0].target == "/v1/job?full=1"


@pytest.mark.parametrize("service", [None, "heygen", "azure"])
@pytest.mark.parametrize("job_id", ["", ".", ".."])
def test_an_id_that_is_no_segment_of_a_path_is_refused(service, job_id):
    """Whatever the service."""
    key = {} if service is None else {"api_key": KEY}
    client = VideoTranslationClient(URL, service=service, **key)
    with pytest.raises(ValueError, match="^job_id must not be "):
        client.submit(job_id)


@pytest.mark.parametrize("service", [None, "heygen", "azure"])
@pytest.mark.parametrize("job_id", ["x" * 65_536, "é" * 11_000, "/" * 22_000])
def test_an_id_that_makes_too_long_a_url_is_refused_and_not_repeated_whole(service, job_id):
    """No server would take it; percent-encoded, some characters count for six or more."""
    key = {} if service is None else {"api_key": KEY}
    client = VideoTranslationClient(URL, service=service, **key)
    with pytest.raises(ValueError, match="^job_id must fit into a URL: ") as caught:
        client.submit(job_id)
    assert len(str(caught.value)) < 200
    assert "more than 65536 characters" in str(caught.value)


def test_the_url_of_a_known_service_without_its_name_is_refused():
    """It would be asked in words that it does not know; the message says which name to give."""
    with pytest.raises(ValueError, match="service='heygen'$"):
        VideoTranslationClient("https://api.heygen.com", api_key=KEY)
