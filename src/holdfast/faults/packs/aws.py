"""Amazon's codes, which its services share whatever their wire format (`__type`, `x-amzn-ErrorType`, `<Error><Code>`).

Sources: the common errors of the API references, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, and the lists of retryable codes in the
SDKs' retry behaviour (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
"""

from __future__ import annotations

from holdfast.faults import meanings as m
from holdfast.faults.packs.table import table

CODES = table(
    (m.BURST, "Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException"),
    (
        m.BURST,
        "TooManyRequestsException ProvisionedThroughputExceededException RequestLimitExceeded BandwidthLimitExceeded",
    ),
    (m.BURST, "SlowDown PriorRequestNotComplete EC2ThrottledException Throttling.User"),
    (
        m.BURST,
        "ConcurrentInvocationLimitExceeded ReservedFunctionConcurrentInvocationLimitExceeded CallerRateLimitExceeded",
    ),
    (m.BURST, "FunctionInvocationRateLimitExceeded ReservedFunctionInvocationRateLimitExceeded KMSThrottlingException"),
    (m.EXPIRED, "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired"),
    (
        m.INVALID,
        "InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch InvalidAccessKeyId InvalidSignatureException",
    ),
    (
        m.INVALID,
        "IncompleteSignature IncompleteSignatureException MissingAuthenticationToken MissingAuthenticationTokenException",
    ),
    (
        m.INVALID,
        "AuthFailure UnauthorizedOperation OptInRequired NotAuthorized InvalidToken",
    ),
    (m.INVALID, "NotAuthorizedException AuthorizationError AuthorizationErrorException InvalidSecurity AccountProblem"),
    (m.INVALID, "AllAccessDisabled SubscriptionRequiredException KMSAccessDeniedException Blocked PendingVerification"),
    # S3 says the same of a signed address that has run out: the words tell.
    (m.DENIED, "AccessDenied AccessDeniedException"),
    (m.SKEWED, "RequestTimeTooSkewed"),
    (m.NOT_RECEIVED, "RequestTimeout"),
    (m.TIMEOUT, "RequestTimeoutException ModelTimeoutException"),
    (m.LOCKED, "TransactionConflictException TransactionConflict OperationAborted ConcurrentModificationException"),
    (m.LOCKED, "ConditionalRequestConflict ConflictingOperationException"),
    (m.IN_PROGRESS, "TransactionInProgressException"),
    (
        m.STATE,
        "ConditionalCheckFailedException PreconditionFailed InvalidObjectState ResourceInUse ResourceInUseException",
    ),
    (m.STATE, "BucketNotEmpty DeleteConflict DependencyViolation IncorrectState IncorrectInstanceState"),
    (
        m.STATE,
        "TransactionCanceledException InvalidSequenceTokenException ExpiredIteratorException ReceiptHandleIsInvalid",
    ),
    (m.STATE, "MessageNotInflight QueueDeletedRecently AWS.SimpleQueueService.QueueDeletedRecently"),
    (m.STATE, "ResourceConflictException IdempotentParameterMismatch IdempotentParameterMismatchException"),
    (m.DUPLICATE, "BucketAlreadyExists EntityAlreadyExists EntityAlreadyExistsException ResourceExistsException"),
    (m.DUPLICATE, "ResourceAlreadyExistsException AlreadyExistsException QueueAlreadyExists UsernameExistsException"),
    (
        m.DUPLICATE,
        "InvalidGroup.Duplicate InvalidKeyPair.Duplicate InvalidPermission.Duplicate DBInstanceAlreadyExists",
    ),
    (m.DUPLICATE_ID, "ExecutionAlreadyExists DataAlreadyAcceptedException"),
    (m.DONE_HERE, "BucketAlreadyOwnedByYou"),
    (
        m.MISSING_HERE,  # S3 names its records in the address
        "NoSuchKey NoSuchBucket NoSuchUpload NoSuchVersion",
    ),
    (
        m.MISSING,
        "NoSuchEntity NoSuchEntityException NotFoundException",
    ),
    (m.MISSING, "ResourceNotFoundException ResourceNotFound QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue"),
    (
        m.MISSING,
        "NoSuchBucketPolicy NoSuchLifecycleConfiguration UserNotFoundException ParameterNotFound StackNotFound",
    ),
    (m.LIMIT, "LimitExceededException LimitExceeded"),
    (m.BAD_INPUT, "ServiceQuotaExceededException EntityTooLarge EntityTooSmall"),
    (
        m.BAD_INPUT,
        "TooManyBuckets MaxMessageLengthExceeded KeyTooLongError RequestHeaderSectionTooLarge ItemCollectionSizeLimitExceededException",
    ),
    (m.REQUEST, "ValidationError ValidationException"),
    (m.BAD_INPUT, "InvalidParameterValue InvalidParameterCombination MissingParameter"),
    (
        m.BAD_INPUT,
        "InvalidParameterException MalformedXML SerializationException MalformedQueryString IncompleteBody InvalidQueryParameter",
    ),
    (
        m.BAD_INPUT,
        "BadDigest InvalidDigest InvalidArgument InvalidRequest PermanentRedirect AuthorizationHeaderMalformed",
    ),
    (
        m.BAD_INPUT,
        "IllegalLocationConstraintException InvalidBucketName VcpuLimitExceeded InstanceLimitExceeded MessageRejected",
    ),
    (
        m.BAD_INPUT,
        "AddressLimitExceeded VpcLimitExceeded VolumeLimitExceeded SnapshotLimitExceeded MissingContentLength",
    ),
    (m.ROUTE, "InvalidAction UnknownOperationException MethodNotAllowed"),
    (
        m.NOT_STARTED,
        "InsufficientInstanceCapacity InsufficientHostCapacity InsufficientCapacity InsufficientReservedInstanceCapacity",
    ),
    (m.FULL, "StorageFull InsufficientStorage"),
    (m.BROKEN, "InternalError InternalFailure InternalServerError InternalServerException"),
    (m.UNAVAILABLE, "ServiceUnavailable ServiceUnavailableException Unavailable"),
    (
        m.CONFIGURATION,
        "InvalidRuntimeException KMSDisabledException KMSNotFoundException EC2AccessDeniedException SubnetIPAddressLimitReachedException",
    ),
    (m.OVERLOADED, "Busy ServerBusy"),
    (m.BURST, "TooManyRequests TooManyUpdates RequestRateTooHigh OverLimit RequestThrottledError MaximumRateExceeded"),
    (m.BURST, "ReadThrottleException WriteThrottleException"),
    (m.EXPIRED, "ExpiredCredentials TokenExpiredException ExpiredIteratorTokenException AuthTokenExpired"),
    (
        m.INVALID,
        "UnauthorizedException NotSignedUp InvalidPayer InvalidIdentityToken IDPRejectedClaim ForbiddenException",
    ),
    (
        m.INVALID,
        "InvalidGrantException InvalidClientException AccessDeniedForDependencyException InvalidUserPasswordException AccountSuspendedException",
    ),
    (m.STATE, "QueueNameExists InvalidStateException InvalidReceiptHandle"),
    (m.DONE_HERE, "RestoreAlreadyInProgress"),
    (m.LOCKED, "ConcurrentModification ConcurrentUpdateException OptimisticLockException ResourceNotReadyException"),
    (m.LOCKED, "OperationInProgressException PurgeQueueInProgress AWS.SimpleQueueService.PurgeQueueInProgress"),
    (m.LOCKED, "ReplicatedWriteConflictException"),
    (
        m.BROKEN,
        "ServiceException InternalServiceError InternalServiceException ServerException ServiceFailure ModelErrorException",
    ),
    (
        m.BROKEN,
        "ServiceFailureException KMSInternalException DependencyTimeoutException HandlerInternalFailureException",
    ),
    (
        m.NOT_STARTED,
        "InsufficientCapacityException ModelNotReadyException EFSMountTimeoutException EC2UnexpectedException",
    ),
    (m.NOT_STARTED, "ENILimitReachedException"),
    (
        m.BAD_INPUT,
        "CodeStorageExceededException StorageQuotaExceeded SNILimitExceeded TemporaryRedirect InvalidRequestException",
    ),
    (m.BAD_INPUT, "MalformedPolicyDocument UnsupportedMediaTypeException RequestEntityTooLarge ResourceLimitExceeded"),
    (m.FULL, "DiskFull"),
    (m.TIMEOUT, "QueryTimeout ServiceTimeout"),
    (m.ROUTE, "UnsupportedOperation NotImplemented"),
)
